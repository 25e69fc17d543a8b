# SPDX-License-Identifier: Apache-2.0
defmodule Answer do
  @on_load :load

  def load, do: :erlang.load_nif(Application.app_dir(:answer, "priv/answer"), 0)
  def answer, do: :erlang.nif_error(:not_loaded)
  def question, do: File.read!(Application.app_dir(:answer, "priv/question.txt"))
end
