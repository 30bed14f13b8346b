#!/bin/sh
# Runs a Kafka broker until standard input ends, then removes the broker's folder, unless it has a file `keep`. The
# system ends standard input with the process that started this one, even if that was killed.
# Usage: kafka.sh FOLDER CLUSTER-ID JAVA JVM-OPTION…
folder=$1 id=$2 java=$3
shift 3
exec 3<&0
{
  {
    [ -e "$folder/data/meta.properties" ] ||
      "$java" -XX:TieredStopAtLevel=1 "$@" kafka.tools.StorageTool format -t "$id" -c "$folder/server.properties"
  } && exec "$java" -Xmx512m "$@" kafka.Kafka "$folder/server.properties"
} 3<&- </dev/null 2>&1 &
broker=$!
{ cat <&3 >/dev/null && kill -KILL $broker; } &
watcher=$!
exec 2>/dev/null
wait $broker
kill $watcher
[ -e "$folder/keep" ] || rm -rf "$folder"
