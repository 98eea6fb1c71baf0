/* Rulesets in and out of the kernel, by the programs that people use. */
#define _GNU_SOURCE
#include "judge.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool tapped;
/* What lists the rules with their counters: the save command of the restore command that loaded them; else nft. */
static char saver[64];

void rules_forget(void) {
  tapped = false;
  saver[0] = 0;
}

/* iptables-legacy-restore has iptables-legacy-save. */
static void remember(const char *loader) {
  size_t stem = strlen(loader) - strlen("restore");
  if (strlen(loader) > strlen("restore") && stem + sizeof "save" <= sizeof saver)
    snprintf(saver, sizeof saver, "%.*ssave", (int)stem, loader);
}

/* Starts a command with pipes at its standard input and output; what it says of errors is part of that, or lost. */
static pid_t start(const char *const *command, int *input, int *output, bool errors) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) die("a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  if (errors) posix_spawn_file_actions_adddup2(&actions, out[1], 2);
  if (!errors) posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid;
  int error = posix_spawnp(&pid, command[0], &actions, NULL, (char *const *)command, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  if (error != 0) refuse("cannot be started", command[0]);
  *input = in[1];
  *output = out[0];
  return pid;
}

/* Writes all of two texts while reading what the command says, so that neither waits for the other. */
static int converse(const char *const *command, const char *first, const char *second, size_t second_length,
                    bool errors, char *said, size_t room) {
  int input, output, status;
  pid_t pid = start(command, &input, &output, errors);
  size_t first_length = strlen(first), total = first_length + second_length, written = 0, read_length = 0;
  char scrap[4096];
  if (total == 0) close(input), input = -1;
  for (;;) {
    struct pollfd fds[2] = {{output, POLLIN, 0}, {input, POLLOUT, 0}};
    if (poll(fds, input >= 0 ? 2 : 1, -1) < 0) die("poll");
    if (input >= 0 && fds[1].revents != 0) {
      bool in_first = written < first_length;
      const char *from = in_first ? first + written : second + (written - first_length);
      ssize_t done = write(input, from, in_first ? first_length - written : total - written);
      if (done > 0) written += (size_t)done;
      if (done < 0 || written == total) close(input), input = -1;
    }
    if (fds[0].revents == 0) continue;
    bool full = read_length + 1 >= room;
    ssize_t done = read(output, full ? scrap : said + read_length, full ? sizeof scrap : room - 1 - read_length);
    if (done <= 0) break;
    if (!full) read_length += (size_t)done;
  }
  said[read_length] = 0;
  close(output);
  if (input >= 0) close(input);
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int rules_load(const char *loader, const char *text, size_t length, char *said, size_t room) {
  const char *const nft[] = {"nft", "-f", "-", NULL};
  const char *const restore[] = {loader, NULL};
  bool by_nft = strcmp(loader, "nft") == 0;
  int code = 0;
  if (by_nft || !tapped) {
    code = converse(nft, tapped ? "" : TAPS, by_nft ? text : "", by_nft ? length : 0, true, said, room);
    if (code == 0) tapped = true;
  }
  if (!by_nft) remember(loader);
  return code == 0 && !by_nft ? converse(restore, "", text, length, true, said, room) : code;
}

int rules_shell(const char *command) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    dup2(2, 1);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  int status;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void rules_list(void) {
  static char listed[1 << 22];
  const char *const list[] = {"nft", "-j", "list", "ruleset", NULL};
  const char *const save[] = {saver, "-c", NULL};
  int code = converse(saver[0] != 0 ? save : list, "", "", 0, false, listed, sizeof listed);
  if (code != 0) listed[0] = 0;
  for (char *at = listed; (at = strchr(at, '\n')) != NULL;) *at = at[1] == 0 ? 0 : '|';
  printf("C %s\n", listed);
}
