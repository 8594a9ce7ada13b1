#!/bin/sh
# What `make demo` shows: clips read by this build, beside what is said in them, letter by letter
# and in whole sentences; a drawn face that says a sentence, and whether its lips go with the voice;
# then a self-check.
#
#   scripts/demo.sh [CLIP.mp4 ...]
#
# Without arguments: the clips of demo/, the face (where its weights and espeak-ng are), and the
# self-check. Whole sentences are read where there are weights for them. A CLIP.txt beside a clip
# says what is said in it. Subtitles, pictures and the face's video go to $OUT (default demo/out).
# Honours BUILD, PYTHON and VISEME_WEIGHTS, a folder.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
python=${PYTHON:-/usr/bin/python3}
out=${OUT:-demo/out}
viseme=$build/viseme
weights=${VISEME_WEIGHTS:-$build/../weights}
check=0
if [ $# = 0 ]; then
    set -- demo/*.mp4
    check=1
fi
mkdir -p "$out"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
: >"$scratch/said"
: >"$scratch/read"
: >"$scratch/sentences"
pictures=0
if "$viseme" version --json | grep -q '"cairo":"'; then
    pictures=1
fi

for clip; do
    name=$(basename "$clip" .mp4)
    echo "$clip"
    if [ $pictures = 1 ]; then
        set -- --plot "$out/$name.png"
    else
        set --
    fi
    "$viseme" read --words "$@" -o "$scratch/words" "$clip"
    "$viseme" read -q --format srt -o "$out/$name.srt" "$clip"
    awk -F '\t' '{ printf "    %5.2f to %5.2f s   %-10s confidence %s\n", $1, $2, $4, $3 }' \
        "$scratch/words"
    cut -f 4 "$scratch/words" | paste -sd ' ' >"$scratch/text"
    echo "  read: $(cat "$scratch/text")"
    if [ -r "$weights/syncvsr.safetensors" ]; then
        "$viseme" read -q --arch syncvsr -o "$scratch/sentence" "$clip"
        echo "  sentence reader: $(cat "$scratch/sentence")"
    fi
    if [ -r "${clip%.mp4}.txt" ]; then
        echo "  said: $(cat "${clip%.mp4}.txt")"
        "$viseme" eval "${clip%.mp4}.txt" "$scratch/text" | sed -n '1s/^/  /p'
        cat "${clip%.mp4}.txt" >>"$scratch/said"
        cat "$scratch/text" >>"$scratch/read"
        [ ! -r "$scratch/sentence" ] || cat "$scratch/sentence" >>"$scratch/sentences"
    fi
    echo
done
if [ -s "$scratch/said" ]; then
    echo "All: $("$viseme" eval "$scratch/said" "$scratch/read" | sed -n 1p)"
fi
if [ -s "$scratch/sentences" ]; then
    echo "All, sentence reader: $("$viseme" eval "$scratch/said" "$scratch/sentences" | sed -n 1p)"
fi
if [ $pictures = 1 ]; then
    echo "Subtitles, and pictures of what the network saw: $out/"
else
    echo "Subtitles: $out/ (this build has no cairo, which draws pictures)"
fi
if [ $check = 0 ]; then
    exit
fi

sentence="place blue at f two now"
if [ -r "$weights/wav2lip.safetensors" ] &&
    command -v espeak-ng >/dev/null; then
    echo
    echo "A drawn face says: $sentence"
    "$viseme" say "$sentence" --avatar ada -o "$out/say.mp4" 2>"$scratch/told" || {
        cat "$scratch/told"
        exit 1
    }
    if [ $pictures = 1 ]; then
        "$viseme" read -q --plot "$out/say.png" -o "$scratch/say" "$out/say.mp4"
        set -- --plot "$out/say-sync.png"
    else
        set --
    fi
    echo "  lips and voice, by a network that had no part in it:" \
        "$("$viseme" sync -q "$@" "$out/say.mp4")"
    echo "  $out/say.mp4${1:+; pictures: $out/say.png, $out/say-sync.png}"
fi

echo
echo "Self-check: the network here against numbers computed elsewhere, on every kind of CPU code"
"$python" tests/parity.py --build "$build" --network lipnet >"$scratch/parity" || {
    cat "$scratch/parity"
    exit 1
}
tail -n 1 "$scratch/parity"

cat <<END

To read the lips in a video of your own (one face, English, about 3 seconds a sentence):

    $viseme read video.mp4
    $viseme read --beam 20 --nbest 3 --format json video.mp4
    $viseme face video.mp4 --crops mouths/     # what the network sees

$viseme --help lists everything else.
END
