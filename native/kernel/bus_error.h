#pragma once

namespace flatview::kernel {

// Has the accesses of exact_access.h survive SIGBUS from now on, on all threads of the process that
// don't block it. Every other SIGBUS goes to whoever had the signal before, or ends the process if
// nobody had. Does nothing the second time.
//
// Who takes the signal later has to pass on what isn't theirs, as this does.
// Thread safety: any thread.
void SurviveBusErrors();

}  // namespace flatview::kernel
