// SPDX-License-Identifier: Apache-2.0
#pragma once

// One run's directory in the store, held by its owner. The hold is a lock on the directory that
// goes with the process, so that recover() can tell a run that is under way from one that died.

#include <string>

#include "guard/snapshot/apply.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {

struct Run {
  std::string id;
  std::string path;         // absolute
  sandbox::UniqueFd store;  // these three O_RDONLY|O_DIRECTORY
  sandbox::UniqueFd project;
  sandbox::UniqueFd dir;  // the run's own
  bool findable = false;  // after a power cut: the directories that lead to it are on disk
};

// Makes runs/ID, marks it active and holds it. The store must be locked. Fails when there is one
// already.
Result<Run> make_run(const Store& store, const std::string& run_id);
// ENOENT when there is none; EWOULDBLOCK when somebody else holds it.
Result<Run> hold_run(const Store& store, const std::string& run_id);
// What a run's journal says, held or not; a run without one has just begun.
Result<Journal> read_journal(const Store& store, const std::string& run_id);

// Ends the run without a trace in the store. The project is not touched.
Result<void> discard_run(Run& run);
// Removes the mark of a run that is not there any more.
Result<void> forget_run(const Store& store, const std::string& run_id);

// Makes the way to the run durable: after a power cut it is there.
Result<void> make_findable(Run& run);
// Makes the journal durable, and the run findable for recover() after a power cut.
Result<void> record(Run& run, const Journal& journal);

// Fills Journal::locks with what the operations bring: it lies at other_side() below `root`, which
// is runs/, or, once they are carried out, at their path below it, which is the project.
void note_lock_lines(Journal& journal, int root, bool carried_out);

// Makes the intent durable: when it returns, the operations will be carried out. Everything they
// need must be on disk before.
Result<void> write_intent(Run& run, Journal& journal);

// Carries out what the intent says and writes "done" durably. An operation that cannot be carried
// out, because somebody changed the path meanwhile, is withheld and says why; the rest goes on.
// Fails, leaving the intent to the next recover(), only when the file system itself does (full,
// read-only, broken). `recovering`: time may have passed since the intent was written.
Result<void> carry_out(Run& run, Journal& journal, bool recovering, const OnStep& on_step = {});

// Its last steps: the journal is closed as Journal::ends_as says, durably, and what nothing needs
// any more is dropped.
Result<void> close_journal(Run& run, Journal& journal);
// The dropping alone, for a run whose journal is closed.
Result<void> tidy(Run& run, const Journal& journal);

}  // namespace mixguard::guard
