package failpoint

// A Point is a place in the code, named by what has just happened.
type Point string

// A handoff, in the process that owns the store, in order.
const (
	HandoffAsked      Point = "handoff.asked"       // the target has said that it is able
	HandoffGateClosed Point = "handoff.gate-closed" // nothing enters the store any more
	HandoffDrained    Point = "handoff.drained"     // what was inside has ended
	HandoffRecorded   Point = "handoff.recorded"    // the handoff stands in the store
	HandoffTold       Point = "handoff.told"        // the target knows the position, and waits for the lock
	HandoffClosed     Point = "handoff.closed"      // the store's file is closed
	HandoffUnlocked   Point = "handoff.unlocked"    // the lock is free
)

// A takeover, in the process that will own the store, in order.
const (
	TakeoverAsked      Point = "takeover.asked"       // the owner has told the position, or was lost
	TakeoverWaiting    Point = "takeover.waiting"     // the owner knows that this process waits for the lock
	TakeoverLocked     Point = "takeover.locked"      // this process holds the lock
	TakeoverOpened     Point = "takeover.opened"      // the store is open, in a new epoch
	TakeoverCompared   Point = "takeover.compared"    // the store is where the owner said that it is
	TakeoverGateOpened Point = "takeover.gate-opened" // requests run
	TakeoverPublished  Point = "takeover.published"   // the others can see who owns the store
)

// A request, in the process that owns the store.
const (
	StoreView      Point = "store.view"      // a read has its transaction
	StoreCommit    Point = "store.commit"    // a batch has run and is not committed; it may fail here
	StoreCommitted Point = "store.committed" // a batch is durable and nobody has been answered
)

// A Switch is something that keeps a promise. A test turns it off to see that it would
// notice.
type Switch string

// What can be turned off.
const (
	Gate  Switch = "gate"  // a closed gate lets nobody in, and closing waits for who is inside
	Keys  Switch = "keys"  // a request under a key that has been answered is not run again
	Inode Switch = "inode" // the lock file that is locked is the one that has the name
)
