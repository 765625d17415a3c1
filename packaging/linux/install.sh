#!/bin/sh
# Adds Tsuzuki to the menu of the present user; `./install.sh remove` takes it away again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
entry=$data/applications/tsuzuki.desktop
picture=$data/icons/hicolor/scalable/apps/tsuzuki.svg
if [ "${1:-}" = remove ]; then
    rm -f "$entry" "$picture"
else
    command -v tsuzuki-gui >/dev/null || {
        echo "tsuzuki-gui is not on the PATH: python -m pip install 'tsuzuki[gui]' first." >&2
        exit 1
    }
    install -Dm644 "$here/tsuzuki.desktop" "$entry"
    install -Dm644 "$here/../../src/tsuzuki/gui/data/tsuzuki.svg" "$picture"
fi
update-desktop-database "$data/applications" 2>/dev/null || true
