#!/usr/bin/env bash
# Builds QEMU's memory core with our driver (driver.c) in front of it: the other side of every comparison.
#
#   benchmarks/qemu/build.sh [--install-packages]
#
# The source is Debian's package `qemu`, fetched into the cache without touching the system's package sources, or an
# unpacked tree that QEMU_SRC names. All of it goes to ${XDG_CACHE_HOME:-~/.cache}/flatview/qemu (about 1 GB); what is
# there already is not made again. Two programs come out of it:
#
#   driver           QEMU as it is; aborts above 4,096 sections in one address space
#   driver-relaxed   the one assertion that says so left out, and nothing else changed; marked * in the results
#
# Both link QEMU's own objects, so they are programs under GPL-2.0-or-later. They are not part of the npm package.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/flatview/qemu
build=$cache/build
packages=(dpkg-dev gcc g++ meson ninja-build pkg-config python3 flex bison
  libglib2.0-dev libpixman-1-dev libfdt-dev)

# Other Pythons than the system's don't see the system's meson.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

say() { printf '%s\n' "$*" >&2; }

is_installed() {
  dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

require_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "${1:-}" != --install-packages ]; then
    say "QEMU can't be built: missing packages. On Debian, as root:"
    say "  apt-get install --no-install-recommends ${missing[*]}"
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# The machine's package sources as sources of source packages, in a folder of their own.
copy_package_sources() {
  local file
  rm -rf "$cache/apt" && mkdir -p "$cache/apt/sources" "$cache/apt/lists/partial" "$cache/apt/archives/partial"
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] && sed 's/^Types:.*/Types: deb-src/' "$file" >"$cache/apt/sources/${file##*/}"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -e "$file" ] && sed -n 's/^deb /deb-src /p' "$file" >"$cache/apt/sources/${file##*/}"
  done
  return 0
}

apt_get() {
  apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$cache/apt/sources" \
    -o "Dir::State::lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt" \
    -o APT::Sandbox::User=root "$@" >&2
}

fetch_source() {
  say "Fetching Debian's source package qemu"
  copy_package_sources
  apt_get update
  rm -rf "$cache"/download && mkdir "$cache/download"
  (cd "$cache/download" && apt_get source qemu)
  mv "$cache"/download/qemu-*/ "$cache/source"
  rm -rf "$cache/download" "$cache/apt"
}

configure() {
  say "Configuring QEMU"
  rm -rf "$build" && mkdir -p "$build"
  cd "$build"
  "$source/configure" --target-list=x86_64-softmmu \
    --without-default-features --without-default-devices \
    --disable-tcg --enable-kvm --enable-fdt=system --enable-malloc-trim \
    --disable-user --disable-tools --disable-docs --disable-guest-agent --disable-install-blobs \
    --with-git-submodules=ignore --meson=/usr/bin/meson --disable-werror >"$cache/configure.log" ||
    { tail "$cache/configure.log" >&2 && exit 1; }
  printf '%s\n' "$source" >configured
}

# The last command by which ninja makes a target, with its dependency file (-MQ ... -MF file) left out.
command_for() {
  ninja -C "$build" -t commands "$1" | tail -n 1 | sed -E 's/ -MD -MQ [^ ]+ -MF [^ ]+//'
}

# compile OBJECT SOURCE RESULT: compiles SOURCE exactly as QEMU compiles the source of OBJECT.
compile() {
  local command
  command=$(command_for "$1" | sed -E "s| -o [^ ]+ -c [^ ]+| -o $3 -c $2|")
  (cd "$build" && eval "$command -I$source/softmmu")
}

# link RESULT [OBJECT REPLACEMENT]...: links as QEMU links qemu-system-x86_64, with objects replaced.
link() {
  local result=$1 command
  shift
  command=$(command_for qemu-system-x86_64 | sed -E "s| -o qemu-system-x86_64 | -o $result |")
  while [ $# -gt 0 ]; do
    command=${command//"$1"/"$2"}
    shift 2
  done
  (cd "$build" && eval "$command")
}

# The path of an object as ninja names it.
object() {
  ninja -C "$build" -t targets all | sed -nE "s|^([^ :]*/$1): .*|\1|p" | head -n 1
}

build_drivers() {
  local main physmem
  main=$(object softmmu_main.c.o)
  physmem=$(object softmmu_physmem.c.o)
  sed '/assert(map->sections_nb < TARGET_PAGE_SIZE);/d' "$source/softmmu/physmem.c" >"$cache/physmem.c"
  if cmp -s "$source/softmmu/physmem.c" "$cache/physmem.c"; then
    say "QEMU's softmmu/physmem.c has no limit of sections where it was expected"
    exit 1
  fi
  compile "$main" "$here/driver.c" "$cache/driver.o"
  compile "$physmem" "$cache/physmem.c" "$cache/physmem.o"
  link "$cache/driver" "$main" "$cache/driver.o"
  link "$cache/driver-relaxed" "$main" "$cache/driver.o" "$physmem" "$cache/physmem.o"
}

require_packages "${1:-}"
mkdir -p "$cache"
source=$(realpath -m "${QEMU_SRC:-$cache/source}")
[ -e "$source/configure" ] || [ -n "${QEMU_SRC:-}" ] || fetch_source
[ "$(cat "$build/configured" 2>/dev/null)" = "$source" ] || configure
say "Building QEMU"
nice -n 10 ninja -C "$build" -j2 qemu-system-x86_64 >"$cache/build.log" ||
  { tail -n 40 "$cache/build.log" >&2 && exit 1; }
build_drivers
say "Built $cache/driver and $cache/driver-relaxed"
