#!/bin/sh
# What `make demo` shows: the self-check of this build on this machine, then what to type next.
set -eu
build=${BUILD:-build}
python=${PYTHON:-/usr/bin/python3}
cd "$(dirname "$0")/.."

echo "Self-check: what the network computes here, against numbers computed elsewhere."
"$python" tests/parity.py --build "$build"

cat <<END

To read the lips in a video of your own (one face, English, about 3 seconds a sentence):

    $build/viseme read video.mp4
    $build/viseme read --beam 20 --nbest 3 --format json video.mp4
    $build/viseme face video.mp4 --crops mouths/     # what the network sees

$build/viseme --help lists everything else.
END
