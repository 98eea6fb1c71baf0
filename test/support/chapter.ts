/** The three blocks of commands of the chapter that Portcullis started from, as they stand there. */
export const ENDPOINTS = `# Allow only authenticated access to Ollama API
# (If using authentication, restrict to auth proxy)
iptables -A INPUT -p tcp --dport 11434 \\
-m state --state NEW \\
-s 10.0.0.0/16 \\
-m recent --set --name OLLAMA
iptables -A INPUT -p tcp --dport 11434 \\
-m state --state NEW \\
-s 10.0.0.0/16 \\
-m recent --update --seconds 60 --hitcount 20 --name OLLAMA \\
-j DROP
# Rate limit to 20 new connections per minute per IP
# Allow web UI if exposed, through WAF/Proxy only
iptables -A INPUT -p tcp --dport 8080 -s 10.0.0.100 -j ACCEPT
# Only proxy server can reach AI web UI
`

export const OUTBOUND = `# Allow AI server to reach internal services only
iptables -A OUTPUT -p tcp --dport 5432 -d 10.0.2.10 -j ACCEPT # PostgreSQL
iptables -A OUTPUT -p tcp --dport 6379 -d 10.0.2.11 -j ACCEPT # Redis
iptables -A OUTPUT -p tcp --dport 9200 -d 10.0.2.12 -j ACCEPT # Elasticsearch
iptables -A OUTPUT -p tcp --dport 22 -d 10.0.0.1 -j ACCEPT # Management SSH
# Drop all other outbound (no direct internet access)
iptables -A OUTPUT -j DROP
`

export const IPV6 = `# Also configure IPv6 firewall
ip6tables -P INPUT DROP
ip6tables -P OUTPUT DROP
ip6tables -A INPUT -i lo -j ACCEPT
ip6tables -A OUTPUT -o lo -j ACCEPT
ip6tables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
ip6tables -A OUTPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
`
