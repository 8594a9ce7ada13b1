#!/bin/sh
# Prints viseme(1): man/viseme.1.in with the help that the program itself prints for every command.
#   scripts/man.sh VISEME PREFIX
set -eu
viseme=$1
prefix=$2
template=$(dirname "$0")/../man/viseme.1.in
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What awk needs to write plain text as roff: backslashes, hyphens, and no line that looks like a
# request.
roff='function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.\047]/)
        text = "\\&" text
    return text
}'

# The help of one command: usage, summary, options ("  -m, --model FILE   text", more text from
# column 30 on), details.
command_section() {
    "$viseme" help "$1" | awk "$roff"'
        NR == 1 { usage = substr($0, index($0, "viseme")); next }
        NR == 3 {
            name = usage; sub(/^viseme /, "", name); sub(/ .*/, "", name)
            printf ".SS %s\n%s\n.PP\n.nf\n\\fB%s\\fR\n.fi\n", roff(name), roff($0), roff(usage)
            next
        }
        NR <= 4 { next }
        (/^  -., --/ || /^      --/) && !details {
            names = substr($0, 3, 27); text = substr($0, 31)
            if (length($0) >= 30 && substr($0, 29, 1) != " ") { names = substr($0, 3); text = "" }
            sub(/^ +/, "", names); sub(/ +$/, "", names)
            printf ".TP\n.B \"%s\"\n", roff(names)
            if (text != "") print roff(text)
            next
        }
        substr($0, 1, 30) == sprintf("%30s", "") && !details { print roff(substr($0, 31)); next }
        $0 == "" && !details { details = 1; print ".PP\n.nf"; next }
        { print roff($0) }
        END { if (details) print ".fi" }'
}

{
    echo '.SH COMMANDS'
    "$viseme" --help | awk '/^Commands:/ { on = 1; next } on && $0 == "" { exit }
                            on && $1 != "help" { print $1 }' |
        while read -r command; do command_section "$command"; done
} >"$scratch/commands"

"$viseme" --help | awk "$roff"'
    /^Exit codes:/ { print ".SH EXIT STATUS\n.nf"; on = 1; sub(/^Exit codes: */, "") }
    on { sub(/^ +/, ""); print roff($0) }
    END { print ".fi" }' >"$scratch/exit"

version=$("$viseme" --version)
awk -v version="${version#viseme }" -v prefix="$prefix" -v scratch="$scratch" '
    function put(file,   line) { while ((getline line < file) > 0) print line }
    $0 == "@COMMANDS@" { put(scratch "/commands"); next }
    $0 == "@EXIT@" { put(scratch "/exit"); next }
    { gsub(/@VERSION@/, version); gsub(/@PREFIX@/, prefix); print }' "$template"
