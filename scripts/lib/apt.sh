# shellcheck shell=bash
# Runs apt with separate lists and a separate cache: no root is needed and no system file is written. scripts/package and
# packaging/static-libraries source this file. Signatures and checksums are enforced in spite of the system's configuration.

# Sets distribution, keyring and default_mirrors from os-release; returns 1 on other systems than Debian and Ubuntu.
find_distribution() {
  local os_release=${OS_RELEASE:-/etc/os-release} id codename architecture names
  id=$(sed -n 's/^ID=//p' "$os_release" | tr -d '"')
  codename=$(sed -n 's/^VERSION_CODENAME=//p' "$os_release" | tr -d '"')
  architecture=$(dpkg --print-architecture)
  case "$id" in
    debian)
      distribution=Debian
      names=(debian-archive-keyring.gpg debian-archive-keyring.pgp)
      default_mirrors=(
        "http://deb.debian.org/debian $codename main" "http://deb.debian.org/debian $codename-updates main"
        "http://deb.debian.org/debian-security $codename-security main"
      )
      ;;
    ubuntu)
      distribution=Ubuntu
      names=(ubuntu-archive-keyring.gpg)
      # Other architectures have a separate archive.
      if [[ $architecture == amd64 || $architecture == i386 ]]; then
        default_mirrors=(
          "http://archive.ubuntu.com/ubuntu $codename main universe"
          "http://archive.ubuntu.com/ubuntu $codename-updates main universe"
          "http://security.ubuntu.com/ubuntu $codename-security main universe"
        )
      else
        default_mirrors=(
          "http://ports.ubuntu.com/ubuntu-ports $codename main universe"
          "http://ports.ubuntu.com/ubuntu-ports $codename-updates main universe"
          "http://ports.ubuntu.com/ubuntu-ports $codename-security main universe"
        )
      fi
      ;;
    *) return 1 ;;
  esac
  local name
  for name in "${names[@]}"; do
    keyring=/usr/share/keyrings/$name
    [[ ! -e $keyring ]] || break
  done
}

# Arguments: a folder, deb or deb-src. Writes a sources.list with the machine's mirrors, which may be configured in any of
# apt's formats. If apt lists none, because it was never updated, the distribution's default mirrors are written.
write_sources() {
  local mirrors
  # shellcheck disable=SC2016 # apt expands these variables
  mapfile -t mirrors < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' "Origin: $distribution" | sort -u)
  ((${#mirrors[@]})) || mirrors=("${default_mirrors[@]}")
  mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
  printf "$2 [signed-by=$keyring] %s\n" "${mirrors[@]}" >"$1/sources.list"
}

# Arguments: the folder that write_sources filled, apt-get or apt-cache, its arguments.
private_apt() {
  local folder=$1 command=$2
  shift 2
  "$command" -q \
    -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache" \
    -o APT::Sandbox::User="$(id -un)" -o APT::Update::Post-Invoke=/bin/true \
    -o Acquire::AllowInsecureRepositories=false -o APT::Get::AllowUnauthenticated=false "$@"
}
