# shellcheck shell=bash disable=SC2154
# The patches of packaging/static-libraries, which sources this file and sets here, work, swift_bin, swift_static and
# cflags. The build works without each of them, so one that does not apply to the installed version is left out with a
# warning.

unpatched() { say "warning: not as expected, left unpatched: $*"; }

# Argument: lib/http.c of curl. libcurl's printf writes a header line byte by byte, a tenth of a post's CPU with a session
# token of 1,000 bytes; here it is copied. curl 7.88 spells the line with `compare`, curl 8.14 with `origp`.
patch_header_lines() {
  local file=$1
  local call='\(result = \(Curl\|curlx\)_dyn_add\)f(req, "%s\\r\\n", \(compare\|origp\));'
  if [[ $(grep -c "$call" "$file") != 1 ]]; then
    unpatched "${file#"$work"/}, so a post takes about 10 percent more CPU"
    return
  fi
  # In braces: the line is one statement after an `else`.
  sed -i "s/$call/"'{\
            \1(req, \3);\
            if(!result)\
              \1n(req, "\\r\\n", 2);\
          }/' "$file"
}

# Bounds the time for names: see resolver.c. libcurl's calls are renamed, so no source of libcurl or c-ares is touched.
# Works on curl.o and leaves resolver.o beside it.
patch_resolver() {
  local function defined undefined renames=()
  # shellcheck disable=SC2086 # flags, to be split
  if ! "$swift_bin/clang" $cflags -Wall -Wextra -Wno-deprecated-declarations -c "$here/resolver.c" -o resolver.o \
    >"$work/log" 2>&1; then
    rm -f resolver.o
    unpatched "c-ares does not compile with packaging/resolver.c, so a silent name server delays each name by seconds"
    return
  fi
  defined=$("$swift_bin/llvm-nm" --defined-only --extern-only --format=just-symbols resolver.o)
  undefined=$("$swift_bin/llvm-nm" --undefined-only --format=just-symbols curl.o | grep '^ares_' || true)
  # All or none: resolver.c's functions take a channel of its own.
  for function in $undefined; do
    if grep -qx "resolver_${function#ares_}" <<<"$defined"; then
      renames+=(--redefine-sym "$function=resolver_${function#ares_}")
    elif [[ ! $function =~ ^ares_(free.*|library_.*|strerror|version)$ ]]; then
      rm -f resolver.o
      unpatched "libcurl calls $function, which packaging/resolver.c lacks, so a silent name server delays each name by seconds"
      return
    fi
  done
  "$swift_bin/llvm-objcopy" "${renames[@]}" curl.o
}

# Arguments: an archive and a member, which is extracted. Prints the symbols that the member defines.
symbols_of() {
  "$swift_bin/llvm-ar" x "$1" "$2" 2>/dev/null || return 0
  "$swift_bin/llvm-nm" --defined-only --format=just-symbols "$2"
}

# ICU's data is one symbol in one member of the archive. In its place: the header of an ICU data file and a table of
# contents with no entries, so that ICU looks, finds nothing and says so.
cut_icu_data() (
  local archive=linux/lib_FoundationICU.a member=icu_packaged_data.cpp.o symbol
  cd "$work" || return
  symbol=$(symbols_of "$swift_static/$archive" "$member")
  if [[ ! $symbol =~ ^icudt[0-9]+_dat$ ]]; then
    unpatched "$swift_static/$archive, so the default build has 34 MB of ICU's data"
    return
  fi
  rm "$work/swift_static/$archive"
  cp "$swift_static/$archive" "$work/swift_static/$archive"
  cat >icu.c <<END
#include <stdint.h>
_Alignas(16) const struct {
  uint16_t header_size; uint8_t magic[2];
  uint16_t info_size, reserved; uint8_t big_endian, ascii_family, size_of_uchar, reserved2;
  uint8_t format[4], format_version[4], data_version[4], padding[8];
  uint32_t entries;
} $symbol = {32, {0xda, 0x27}, 20, 0, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, 0, 2, 0,
  {'C', 'm', 'n', 'D'}, {1}, {3}, {0}, 0};
END
  "$swift_bin/clang" -O2 -c icu.c -o "$member"
  "$swift_bin/llvm-ar" rD "$work/swift_static/$archive" "$member"
)

# Before each request URLSession checks that libcurl reads the same host out of the URL. Its function, up to Swift 6.3
# and on the branch of 6.4, gives the parsed URL to curl_free, which leaves the URL's parts behind, for good; main is
# fixed (swift-corelibs-foundation #5498). The archive gets ours, of the same answers; theirs stays under another name.
patch_host_check() (
  local archive=linux/lib_CFURLSessionInterface.a member=CFURLSessionInterface.c.o function=CFURLSessionCurlHostIsEqual
  cd "$work" || return
  if ! grep -qx "$function" <<<"$(symbols_of "$swift_static/$archive" "$member")"; then
    unpatched "$swift_static/$archive, so URLSession may leak 170 bytes a request"
    return
  fi
  rm "$work/swift_static/$archive"
  cp "$swift_static/$archive" "$work/swift_static/$archive"
  "$swift_bin/llvm-objcopy" --redefine-sym "$function=${function}_unpatched" "$member"
  cat >host_check.c <<END
#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>

bool $function(const char *url, const char *expected) {
  CURLU *parsed = curl_url();
  char *host = NULL;
  bool is_equal = parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                  curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK && strcmp(host, expected) == 0;
  curl_free(host);
  curl_url_cleanup(parsed);
  return is_equal;
}
END
  # shellcheck disable=SC2086 # flags, to be split
  "$swift_bin/clang" $cflags -c host_check.c
  "$swift_bin/llvm-ar" rD "$work/swift_static/$archive" "$member" host_check.o
)

# Lets the linker drop functions of Swift's libraries that nothing calls, 7 % of the zip: see unretain.py. Not ICU, which is
# C++ and has no such mark.
unretain_code() {
  local file
  for file in "$work/swift_static"/linux/*.a; do
    [[ -L $file && $file != */lib_FoundationICU.a ]] || continue
    if python3 "$here/unretain.py" "$file" "$work/unretained.a"; then
      mv "$work/unretained.a" "$file"
    else
      unpatched "$file, so the zip has functions that nothing calls"
    fi
  done
}
