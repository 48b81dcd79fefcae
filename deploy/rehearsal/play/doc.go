// Package play puts the tutorial's cutover on stage: the board's programs as real
// processes behind a load balancer that follows the files in deploy/ecs, clients that ask
// them all the while, and a script of what an operator does to them meanwhile.
//
// A [Stage] is the processes and the load balancer. A [Scene] is one thing that is done to
// them, and a script is a list of scenes: the tutorial's, its way back, the strangler's,
// or the tutorial's four steps in any order. [Rehearse] plays a script under load and
// says how it went.
package play
