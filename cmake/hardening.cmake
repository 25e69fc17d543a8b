# Hardening, the same in every preset: each flag is accepted by g++ 12 and clang 19.
add_library(mixguard_hardening INTERFACE)
target_compile_options(mixguard_hardening INTERFACE
  -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
  -ftrivial-auto-var-init=zero -fno-strict-overflow -fvisibility=hidden)
target_compile_definitions(mixguard_hardening INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(mixguard_hardening INTERFACE -pie -Wl,--as-needed,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
if(MIXGUARD_SANITIZE)
  target_compile_options(mixguard_hardening INTERFACE
    -fsanitize=${MIXGUARD_SANITIZE} -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(mixguard_hardening INTERFACE -fsanitize=${MIXGUARD_SANITIZE})
else()
  # _FORTIFY_SOURCE and the address sanitizer intercept the same functions and do not combine.
  target_compile_options(mixguard_hardening INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
