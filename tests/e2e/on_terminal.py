#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# An interactive shell on a terminal of its own, driven step by step. Each argument is a step: ">TEXT" types TEXT (with
# Python's escapes), "<REGEX" waits for it on the terminal (colours left out; what a match has passed is gone), "=COLS"
# changes the width, "!SIGNAL" signals the mixguard that runs. Prints what was on the terminal; 0 when all came.
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

PATIENCE = 30


def width(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as listed:
        return [int(child) for child in listed.read().split()]


def guard_below(pid):
    for child in children(pid):
        with open(f"/proc/{child}/comm") as name:
            if name.read() == "mixguard\n":
                return child
        if found := guard_below(child):
            return found
    return None


def main(steps):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(PS1="PROMPT> ", TERM="xterm")
        os.execvp("bash", ["bash", "--norc", "--noediting", "-i"])
    width(fd, 100)
    seen, shown = "", ""
    try:
        for step in steps:
            kind, rest = step[0], step[1:]
            if kind == ">":
                os.write(fd, rest.encode().decode("unicode_escape").encode())
            elif kind == "=":
                width(fd, int(rest))
                time.sleep(0.3)
            elif kind == "!":
                os.kill(guard_below(pid), getattr(signal, "SIG" + rest))
            else:
                end = time.monotonic() + PATIENCE
                while not (match := re.search(rest, seen, re.DOTALL)):
                    if time.monotonic() > end or not select.select([fd], [], [], end - time.monotonic())[0]:
                        print(shown + f"\n*** {step!r} did not come")
                        return 1
                    try:
                        text = os.read(fd, 65536).decode(errors="replace")
                    except OSError:
                        text = "\n*** the shell is gone\n"
                        end = 0
                    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")
                    seen += text
                    shown += text
                seen = seen[match.end():]
    finally:
        os.kill(pid, signal.SIGKILL)
    print(shown)
    return 0


sys.exit(main(sys.argv[1:]))
