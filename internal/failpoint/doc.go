// Package failpoint lets a test stop a process between two given steps, or fail a
// commit there.
//
// Without the build tag `failpoints` every function is empty and the compiler leaves
// nothing of it. With the tag, a process reads the file that the environment variable
// SPLITBOARD_FAILPOINTS names, each time that it passes a point, so a test can arm and
// disarm points while the process runs. It should replace the file by renaming another
// one over it: a line that makes no sense ends the process. A line is
//
//	NAME ACTION [once]
//
// with an empty file, or none, for no points. The actions of a [Point] are
//
//	kill            the process gets SIGKILL
//	stop            the process gets SIGSTOP
//	sleep DURATION  whoever passes waits so long
//	enospc          the write finds no room on the disk
//	eio             the sync fails
//
// and a [Switch] has one, off. `once` takes the action only the first time in a process.
// enospc and eio are for points where something may fail ([Err]). Each action is told on
// standard error.
package failpoint
