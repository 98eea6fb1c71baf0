/*
 * libpcap's filter over packets of one size: filter EXPRESSION PACKETS SIZE RUNS
 * EXPRESSION and PACKETS are files; packets begin with their IP headers. Prints the nanoseconds that a packet takes, the
 * median of the runs, and how many packets matched in one of them.
 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct text {
	char *bytes;
	size_t length;
};

static void die(const char *what)
{
	fprintf(stderr, "filter: %s\n", what);
	exit(1);
}

static struct text read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct text text;

	if (!file || fseek(file, 0, SEEK_END))
		die(path);
	text.length = (size_t)ftell(file);
	rewind(file);
	text.bytes = malloc(text.length + 1);
	if (!text.bytes || fread(text.bytes, 1, text.length, file) != text.length)
		die(path);
	text.bytes[text.length] = 0;
	fclose(file);
	return text;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

int main(int argc, char **argv)
{
	struct bpf_program program;
	struct pcap_pkthdr header = {0};
	struct text expression, packets;
	pcap_t *pcap;
	double *times;
	size_t size, count, matched = 0;
	int runs;

	if (argc != 5)
		die("usage: filter EXPRESSION PACKETS SIZE RUNS");
	expression = read_file(argv[1]);
	packets = read_file(argv[2]);
	size = strtoul(argv[3], NULL, 10);
	runs = atoi(argv[4]);
	if (size == 0 || runs < 1 || packets.length < size)
		die("nothing to do");
	pcap = pcap_open_dead(DLT_RAW, 65535);
	if (!pcap || pcap_compile(pcap, &program, expression.bytes, 1, PCAP_NETMASK_UNKNOWN))
		die(pcap ? pcap_geterr(pcap) : "pcap_open_dead");
	count = packets.length / size;
	times = calloc((size_t)runs, sizeof *times);
	if (!times)
		die("no memory");
	header.caplen = header.len = (bpf_u_int32)size;
	for (int run = -1; run < runs; run++) {
		double start = now();

		matched = 0;
		for (size_t i = 0; i < count; i++)
			matched += pcap_offline_filter(&program, &header, (const u_char *)packets.bytes + i * size) != 0;
		/* The first run warms up. */
		if (run >= 0)
			times[run] = (now() - start) / (double)count;
	}
	qsort(times, (size_t)runs, sizeof *times, compare);
	printf("%f %zu\n", times[runs / 2], matched);
	return 0;
}
