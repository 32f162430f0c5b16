#!/usr/bin/env bash
# Builds servers on takt and on other runtimes, measures each on the same work in turn, and prints one table:
# servers as columns, workloads as rows. Each cell is the least of the repetitions.
#
# usage: run.sh [-r REPETITIONS] [-p "PEER …"] [-w "WORKLOAD/CONNECTIONS …"] [-n N] [-o FILE]
#   -r  repetitions (3)
#   -p  the servers (takt goroutines asyncio uvloop tokio)
#   -w  the workloads (echo/100 echo/5000 paced/100 paced/5000 chat/100 chat/1000 idle_mem/5000)
#   -n  operations (100000)
#   -o  also keep every line that is measured
#
# The Go servers run with GOMAXPROCS=1; PEERS_GOMAXPROCS says otherwise. Linux only. It needs Go; Debian's
# python3-uvloop (PEERS_PYTHON says where Python is), librust-tokio-dev and cargo (PEERS_CRATES says where the
# packaged crates are). A server that cannot be built is left out, and the exit status is then 1.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
reps=3 n=100000 raw=/dev/null
peers='takt goroutines asyncio uvloop tokio'
workloads='echo/100 echo/5000 paced/100 paced/5000 chat/100 chat/1000 idle_mem/5000'
while getopts 'hr:p:w:n:o:' o; do
  case $o in
    r) reps=$OPTARG ;;
    p) peers=$OPTARG ;;
    w) workloads=$OPTARG ;;
    n) n=$OPTARG ;;
    o) raw=$(realpath -m "$OPTARG") ;;
    *) sed -n '2,14p' "${BASH_SOURCE[0]}" | cut -c3-; exit 2 ;;
  esac
done
python=${PEERS_PYTHON:-/usr/bin/python3}
crates=${PEERS_CRATES:-/usr/share/cargo/registry}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
export GOMAXPROCS=${PEERS_GOMAXPROCS:-1} PYTHONDONTWRITEBYTECODE=1
ulimit -n "$(ulimit -Hn)"
say() { printf '%s\n' "$*" >&2; }

# prepare PEER: builds it, and says its version.
prepare() {
  case $1 in
    takt | goroutines) (cd "$here" && GOMAXPROCS='' go build -o "$build/$1" "./$1") && echo "$1: $(go env GOVERSION)" ;;
    asyncio) "$python" -c 'import platform; print("asyncio: CPython", platform.python_version())' ;;
    uvloop) "$python" -c 'import uvloop; print("uvloop:", uvloop.__version__)' ;;
    tokio)
      cp -r "$here/tokio" "$build/crate" && # a copy, because cargo writes beside the manifest
        (cd "$build/crate" && CARGO_TARGET_DIR=$build/target cargo build --release --offline --quiet \
          --config 'source.crates-io.replace-with="debian-packages"' \
          --config "source.debian-packages.directory=\"$crates\"") &&
        echo "tokio: $(awk '/^name = "tokio"$/ { getline; gsub(/"/, "", $3); print $3 }' "$build/crate/Cargo.lock"), $(rustc --version)"
      ;;
    *) say "there is no server $1"; return 1 ;;
  esac
}

command_of() {
  case $1 in
    takt | goroutines) echo "$build/$1" ;;
    asyncio) echo "$python $here/aio.py" ;;
    uvloop) echo "env PEERS_LOOP=uvloop $python $here/aio.py" ;;
    tokio) echo "$build/target/release/netbench-tokio" ;;
  esac
}

(cd "$here" && GOMAXPROCS='' go build -o "$build/load" ./load)
ready=() failed=0
for p in $peers; do
  if version=$(prepare "$p"); then say "$version"; ready+=("$p"); else say "left out: $p"; failed=1; fi
done
lines=$build/lines
for ((rep = 0; rep < reps; rep++)); do
  for w in $workloads; do
    for p in "${ready[@]}"; do
      # shellcheck disable=SC2046
      "$build/load" "$p" "${w%/*}" "${w#*/}" "$n" $(command_of "$p") | tee -a "$raw" >>"$lines" || failed=1
    done
  done
done
awk -v peers="${ready[*]}" -v workloads="$workloads" '
  {
    key = $2 " " $1
    if ($2 ~ /^idle_mem/) { sub(/.*bytes=/, ""); cell = $0 + 0; text = cell " B" }
    else {
      cell = $5 + 0
      split($6, a, "="); split($7, b, "=")
      text = sprintf("%.1f µs (%d, %d)", cell / 1000, a[2], b[2])
    }
    if (!(key in least) || cell < least[key]) { least[key] = cell; shown[key] = text }
  }
  END {
    n = split(peers, p, " "); m = split(workloads, w, " ")
    printf "| CPU time for an operation (p50, p99 in µs) |"
    for (i = 1; i <= n; i++) printf " %s |", p[i]
    printf "\n|---|"
    for (i = 1; i <= n; i++) printf "---|"
    print ""
    for (j = 1; j <= m; j++) {
      printf "| %s |", w[j]
      for (i = 1; i <= n; i++) { key = w[j] " " p[i]; printf " %s |", (key in shown) ? shown[key] : "-" }
      print ""
    }
  }' "$lines"
exit $failed
