#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# redis-cli and redis-benchmark against the server. Usage: round_tools.sh PORT. Prints TAP.
port=$1
count=0
failed=0

check() {
    count=$((count + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $count - tools: $1"
    else
        failed=$((failed + 1))
        echo "not ok $count - tools: $1"
        echo "# expected: $2"
        echo "# actual:   $3"
    fi
}

cli() { redis-cli -p "$port" "$@"; }

check 'ping' PONG "$(cli ping)"
check 'set' OK "$(cli set t:a 'some value')"
check 'get' 'some value' "$(cli get t:a)"
check 'RESP3 get of a missing key' '' "$(cli -3 get t:none)"
check 'a value from standard input' OK "$(printf 'x\ny' | cli -x set t:b)"
check 'its length' 3 "$(cli strlen t:b)"
check 'inline pipe' 3 "$(printf 'SET t:c 1\r\nINCR t:c\r\nINCR t:c\r\n' | cli | tail -n 1)"
check 'mass insertion' 'errors: 0, replies: 1000' \
    "$(seq 1000 | sed 's/.*/SET t:bulk:& &\r/' | cli --pipe | grep -o 'errors: 0, replies: 1000')"
check '--scan' 1000 "$(cli --scan --pattern 't:bulk:*' | wc -l)"
check 'database option' 0 "$(cli -n 2 dbsize)"
check '--bigkeys runs' 0 "$(cli --bigkeys >/dev/null 2>&1; echo $?)"
check '--memkeys runs' 0 "$(cli --memkeys >/dev/null 2>&1; echo $?)"
check '--stat reads INFO' 0 "$(timeout 3 redis-cli -p "$port" -i 1 --stat 2>&1 | grep -ci error)"
check 'help comes from the table' 1 "$(cli command count | grep -c '^[0-9]')"
for pipeline in 1 16; do
    out=$(redis-benchmark -p "$port" -n 20000 -c 20 -P $pipeline -t ping,set,get,incr,mset --csv 2>&1)
    check "redis-benchmark, pipeline $pipeline" 7 "$(printf '%s\n' "$out" | grep -c '^"')"
    check 'no error in it' 0 "$(printf '%s\n' "$out" | grep -ci 'err')"
done
echo "1..$count"
[ "$failed" -eq 0 ]
