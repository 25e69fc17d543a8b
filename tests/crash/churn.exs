# Rewrites, creates and deletes files, so that a commit of all of it has many steps.
for i <- 1..40 do
  File.write!("data/file#{i}", String.duplicate("new #{i}\n", 3000))
  File.write!("data/new#{i}", "created")
end

File.rm_rf!("data/old")
File.mkdir_p!("data/fresh/deep")
for i <- 1..40, do: File.write!("data/fresh/deep/#{i}", "#{i}")
