// SPDX-License-Identifier: Apache-2.0
#include "policy/env_names.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

using Name = std::string_view;

// A trailing "*" stands for any rest.
constexpr std::array kInjecting = {
    Name("ERL_*"),
    Name("ERLC_*"),
    Name("ELIXIR_*"),
    Name("ESCRIPT_*"),
    Name("MIX_EXS"),
    Name("MIX_ARCHIVES"),
    Name("MIX_HOME"),
    Name("MIX_PATH"),
    Name("MIX_XDG"),
    Name("MIX_REBAR*"),
    Name("MIX_BUILD_*"),
    Name("MIX_DEPS_PATH"),
    Name("MIX_INSTALL_*"),
    Name("MIX_UNSAFE_HTTPS"),
    Name("HEX_*"),
    Name("REBAR_*"),
    Name("RELEASE_*"),
    Name("XDG_*"),
    Name("LD_*"),
    Name("GCONV_PATH"),
    Name("GLIBC_TUNABLES"),
    Name("BASH_ENV"),
    Name("BASH_FUNC_*"),
    Name("ENV"),
    Name("SHELLOPTS"),
    Name("BASHOPTS"),
    Name("IFS"),
    Name("CDPATH"),
    Name("PS4"),
    Name("PROMPT_COMMAND"),
    Name("OSTYPE"),
    Name("RUN_ERL_*"),
    Name("BINDIR"),
    Name("ROOTDIR"),
    Name("EMU"),
    Name("PROGNAME"),
    Name("DIALYZER_EMULATOR"),
    Name("TYPER_EMULATOR"),
    Name("CT_RUN_EMULATOR"),
    Name("GIT_*"),
    Name("SSH_ASKPASS"),
    Name("SSH_AUTH_SOCK"),
    Name("PAGER"),
    Name("LESSOPEN"),
    Name("EDITOR"),
    Name("VISUAL"),
    Name("ECTO_EDITOR"),
    Name("MAKE"),
    Name("MAKEFLAGS"),
    Name("MFLAGS"),
    Name("MAKEFILES"),
    Name("GNUMAKEFLAGS"),
    Name("CC"),
    Name("CXX"),
    Name("LD"),
    Name("CFLAGS"),
    Name("CXXFLAGS"),
    Name("LDFLAGS"),
    Name("CPPFLAGS"),
    Name("PSQLRC"),
    Name("PSQL_*"),
    Name("PGSERVICEFILE"),
    Name("PGSYSCONFDIR"),
    Name("NODE_OPTIONS"),
    Name("NODE_PATH"),
    Name("NPM_CONFIG_*"),
    Name("npm_config_*"),
    Name("PYTHONPATH"),
    Name("PYTHONSTARTUP"),
    Name("PERL5LIB"),
    Name("PERL5OPT"),
    Name("RUBYOPT"),
    Name("RUBYLIB"),
    Name("HTTP_PROXY"),
    Name("HTTPS_PROXY"),
    Name("ALL_PROXY"),
    Name("http_proxy"),
    Name("https_proxy"),
    Name("all_proxy"),
    Name("OPENSSL_CONF"),
    Name("SSL_CERT_*"),
};

constexpr std::array kHarmless = {
    Name("HOME"),
    Name("USER"),
    Name("LOGNAME"),
    Name("LANG"),
    Name("LANGUAGE"),
    Name("LC_*"),
    Name("TERM"),
    Name("COLORTERM"),
    Name("TZ"),
    Name("CI"),
    Name("NO_COLOR"),
    Name("FORCE_COLOR"),
    Name("CLICOLOR"),
    Name("CLICOLOR_FORCE"),
    Name("COLUMNS"),
    Name("LINES"),
    Name("MIX_QUIET"),
    Name("MIX_DEBUG"),
    Name("MIX_TEST_PARTITION"),
    Name("PORT"),
    Name("PHX_HOST"),
    Name("SOURCE_DATE_EPOCH"),
};

constexpr std::array kRebuilt = {Name("PATH"),   Name("TMPDIR"), Name("PWD"),
                                 Name("OLDPWD"), Name("SHLVL"),  Name("_")};

constexpr std::array kSecretWords = {Name("SECRET"), Name("TOKEN"),      Name("PASSWORD"),
                                     Name("PASSWD"), Name("CREDENTIAL"), Name("KEY"),
                                     Name("_URL"),   Name("COOKIE"),     Name("AUTH"),
                                     Name("DSN"),    Name("PASS")};

constexpr std::size_t kLongestHarmless = 256;

template <std::size_t N>
bool is_listed(const std::array<Name, N>& list, Name name) {
  if (name.empty()) return false;
  return std::any_of(list.begin(), list.end(), [&](Name entry) {
    if (entry[0] != name[0]) return false;
    if (!entry.ends_with('*')) return entry == name;
    return name.starts_with(entry.substr(0, entry.size() - 1));
  });
}

constexpr ByteSet kPlain("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/@+-=");

bool is_plain_char(char c) { return kPlain.contains(c); }

}  // namespace

bool injects_code(std::string_view name) { return is_listed(kInjecting, name); }

bool is_harmless(std::string_view name) { return is_listed(kHarmless, name); }

bool is_harmless_value(std::string_view name, std::string_view value) {
  if (value.size() > kLongestHarmless) return false;
  if (!std::all_of(value.begin(), value.end(), is_plain_char)) return false;
  return name != "HOME" || value.starts_with('/');
}

bool is_rebuilt(std::string_view name) { return is_listed(kRebuilt, name); }

bool sounds_secret(std::string_view name) {
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](Name word) { return name.find(word) != Name::npos; });
}

}  // namespace mixguard::policy
