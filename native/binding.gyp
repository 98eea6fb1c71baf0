{
  "targets": [
    {
      "target_name": "netfilter_queue",
      "sources": [
        "src/addon.c",
        "src/batch.c",
        "src/netfilter.c",
        "src/parse.c",
        "src/queue.c",
        "src/socket.c",
        "src/verdict.c"
      ],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "cflags": ["-std=c11", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"]
    }
  ]
}
