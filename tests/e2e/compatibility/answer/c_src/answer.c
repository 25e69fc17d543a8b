// SPDX-License-Identifier: Apache-2.0
#include <erl_nif.h>

static ERL_NIF_TERM answer(ErlNifEnv* env, int count, const ERL_NIF_TERM arguments[]) {
  (void)count;
  (void)arguments;
  return enif_make_int(env, 42);
}

static ErlNifFunc functions[] = {{"answer", 0, answer, 0}};

ERL_NIF_INIT(Elixir.Answer, functions, NULL, NULL, NULL, NULL)
