[
  inputs: ["{mix,.formatter}.exs", "{config,lib,scripts,test}/**/*.{ex,exs}"]
]
