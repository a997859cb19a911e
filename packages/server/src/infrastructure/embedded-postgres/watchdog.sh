# Keeps one PostgreSQL running for as long as somebody holds a lease on it.
#
#   sh -s -- HOME POSTGRES -D HOME/data ...       (POSIX sh; the program comes in on stdin)
#
# HOME holds: data/ (the cluster), lease (a FIFO), server.log, ack-* (answers to new holders).
# A lease is the open write end of the FIFO. The kernel closes it when its process ends, however it
# ends, and the reader here sees end of file exactly when the last one is gone.
#
# Exit codes: 0 stopped after the last lease; 1 gave up, see server.log; 3 another watchdog has the server.

# The process id in postmaster.pid into $server ('' when there is none).
read_server() {
  server=
  { read -r server <"$data/postmaster.pid"; } 2>/dev/null || :
}

# Does process $1 live, with working directory $2? A dead one that nobody has waited for (in a container, often) has none.
# Where there is no /proc, $3 in its command's name has to do.
lives_in() {
  [ -n "$1" ] && kill -0 "$1" 2>/dev/null || return 1
  if [ -d /proc/self ]; then
    [ "/proc/$1/cwd" -ef "$2" ]
  else
    case $(ps -o comm= -p "$1") in *"$3"*) return 0 ;; *) return 1 ;; esac
  fi
}

# Is process $1 the server of this folder? Ids are reused; but a server's working directory is its data folder.
is_server() {
  lives_in "$1" "$data" postgres
}

# PostgreSQL refuses to start while the process named in postmaster.pid lives, even if that is by now something else.
# Moved, looked at again and put back if it changed, since another watchdog may be doing the same.
drop_stale_pid_file() {
  read_server
  stale=$server
  [ -n "$stale" ] && kill -0 "$stale" 2>/dev/null && ! is_server "$stale" || return 0
  mv "$data/postmaster.pid" "$home/stale-$$" 2>/dev/null || return 0
  read -r moved <"$home/stale-$$" || :
  if [ "$moved" = "$stale" ]; then
    echo "watchdog: process $stale in postmaster.pid is no server of this folder, the file is put away"
  else
    ln "$home/stale-$$" "$data/postmaster.pid"
  fi
  rm -f "$home/stale-$$"
}

# Backends busy in a query outlive a killed postmaster and bar the next one. SIGQUIT ends them at once, without
# touching data: it is what the postmaster itself does after a crash.
end_orphaned_backends() {
  read_server
  ! is_server "$server" || return 0
  for process in /proc/[0-9]*; do
    [ "$process/cwd" -ef "$data" ] && kill -QUIT "${process#/proc/}"
  done 2>/dev/null
}

# Runs as a background process of its own: answers new holders, and has the server stopped after the last one.
keep_leases() {
  # Who started us may be gone before it opened the FIFO: after 10 s open and close it ourselves, so that the open below returns.
  (
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      sleep 1
      lives_in $$ / sh || exit 0
    done
    : <>"$home/lease"
  ) &
  exec 3<"$home/lease"
  while IFS= read -r ack <&3; do
    lives_in $$ / sh || break # without its watchdog the server is not safe to promise
    case $ack in
      */*) ;;
      ack-?*) true >"$home/$ack" ;;
    esac
  done
  exec 3<&- # from here on a late holder gets an error, not a lease
  read_server
  last=$server
  tries=0
  while [ $tries -lt 25 ] && lives_in $$ / sh && kill -USR1 $$; do
    tries=$((tries + 1))
    sleep 0.2
  done
  ! is_server "$last" || kill -INT "$last" # the watchdog was killed: stop its server for it
}

# End the watchdog with exit code $1.
finish() {
  [ -z "$leases" ] || kill -9 "$leases" 2>/dev/null
  exit "$1"
}

# Start the server ("$@") and return when it has ended, the code in $code. $ready is set when it was
# killed or stopped while it was up, $lost when another server has the folder.
run_server() {
  drop_stale_pid_file
  "$@" </dev/null &
  pid=$!
  [ -z "$stopping" ] || kill -INT "$pid"
  until read_server && [ "$server" = "$pid" ]; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.02
  done
  # Only now is it certain that no other server has the folder: PostgreSQL's own lock decides between racing watchdogs.
  if [ "$server" = "$pid" ] && [ -z "$leases" ]; then
    keep_leases &
    leases=$!
  fi
  wait "$pid"
  code=$?
  while [ "$code" -gt 128 ] && kill -0 "$pid" 2>/dev/null; do # a signal to us ended the wait, not the server
    wait "$pid"
    code=$?
  done
  ready= lost=
  read_server
  [ "$server" != "$pid" ] || ! grep -q '^ready' "$data/postmaster.pid" 2>/dev/null || ready=1
  [ "$code" != 0 ] || ready=1 # stopped in order by somebody else: it was up, and has taken its pid file along
  ! is_server "$server" || lost=1
  pid=
}

main() {
  home=$1
  data=$home/data
  shift
  leases= pid= stopping=
  cd / || exit 1
  umask 077
  # Ctrl-C, a closed terminal and the end of a service's process group are for the holders; what they mean for us is the lease's end.
  trap '' INT HUP TERM
  trap 'stopping=1; [ -z "$pid" ] || kill -INT "$pid" 2>/dev/null' USR1
  if [ -f "$home/server.log" ] && [ "$(wc -c <"$home/server.log")" -gt 10485760 ]; then
    mv -f "$home/server.log" "$home/server.log.1"
  fi
  exec >>"$home/server.log" 2>&1

  failures=0 limit=6
  while [ -z "$stopping" ]; do
    started=$(date +%s)
    run_server "$@"
    [ -z "$stopping" ] || finish 0
    [ -z "$lost" ] || finish 3
    lived=$(($(date +%s) - started))
    if { [ -n "$ready" ] && [ $lived -ge 2 ]; } || [ $lived -ge 60 ]; then
      failures=0
    fi
    if [ -n "$ready" ] || [ $lived -ge 60 ]; then
      limit=60 # it can be up: what ails it now (a full disk?) may pass, so hold on for about a minute
    fi
    failures=$((failures + 1))
    if [ $failures -ge $limit ]; then
      echo "watchdog: the server ended $failures times, the last time with code $code: giving up"
      finish 1
    fi
    echo "watchdog: the server ended by itself (code $code), starting it again"
    [ -z "$leases" ] || end_orphaned_backends
    case $failures in 1) sleep 0.1 ;; 2) sleep 0.3 ;; *) sleep 1 ;; esac
  done
  finish 0
}

main "$@"
