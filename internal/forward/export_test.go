package forward

// Limits that tests go to.
const (
	MaxRunning   = maxRunning
	MaxUndecided = maxUndecided
	DecideWithin = decideWithin
	// MaxHeldAnswers is the budget of the servers in tests.
	MaxHeldAnswers = 48 << 20
)

// Held gives what answers take that wait to be written.
func (s *Server) Held() int64 { return MaxHeldAnswers - s.held.Left() }

// Idle tells how many goroutines wait for a call.
func (s *Server) Idle() int64 { return s.idle.Load() }
