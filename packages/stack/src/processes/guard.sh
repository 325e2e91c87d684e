# Runs a command and sees to its end: usage: guard.sh SIGNAL GRACE_SECONDS COMMAND [ARG...]
#
# PostgreSQL, nats-server and most programs do not notice that the process which started them was killed with SIGKILL. This
# does: descriptor 3 is a pipe whose other end only the starter holds. When it closes, because the starter asks for a stop or
# because it is gone, COMMAND receives SIGNAL, and SIGKILL when it still runs after GRACE_SECONDS.
#
# 0, 1, 2  are COMMAND's own standard input, output and error
# 3        is the starter's pipe (read until its end)
# 4        receives the process id of COMMAND, one line
# exit     with COMMAND's status (128 + signal when a signal ended it)
#
# It must be started as the leader of a process group of its own: it signals that group to end what COMMAND leaves behind, and
# the Ctrl-C of a terminal must not reach COMMAND past the starter, who decides on the order of stopping.
signal=$1
grace_seconds=$2
shift 2

# An asynchronous command reads /dev/null, put in place before its redirections: 5 keeps the input for it. Descriptors 3 and 4
# must not outlive this script in COMMAND.
exec 5<&0
"$@" <&5 3<&- 4>&- 5<&- &
command_pid=$!
exec 5<&-

# The starter may be gone by now. Writing to it must not end this script, nor may anything come before the watch on it.
trap '' PIPE
(
  while read -r _ <&3; do :; done
  kill -s "$signal" "$command_pid"
  tenths=$((grace_seconds * 10))
  while [ "$tenths" -gt 0 ] && kill -s 0 "$command_pid"; do
    sleep 0.1
    tenths=$((tenths - 1))
    # An asynchronous command starts with SIGINT ignored: one that came before COMMAND set its handler was lost.
    if [ "$signal" = INT ] && [ $((tenths % 5)) -eq 0 ]; then kill -s INT "$command_pid"; fi
  done
  kill -s KILL "$command_pid"
) >/dev/null 2>&1 4>&- &
exec 3<&-
echo "$command_pid" 2>/dev/null >&4
exec 4>&-

# A signal to this script alone is meant for COMMAND; it interrupts wait, which is then repeated.
trap 'kill -s "$signal" "$command_pid" 2>/dev/null' HUP INT TERM
wait "$command_pid" 2>/dev/null
status=$?
while [ "$status" -gt 128 ] && kill -s 0 "$command_pid" 2>/dev/null; do
  wait "$command_pid" 2>/dev/null
  status=$?
done

# What COMMAND left behind in the group (its workers, and the subshell above) ends with it.
trap '' TERM
kill -s TERM 0
exit "$status"
