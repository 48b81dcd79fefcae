package forward

// Limits that tests go to.
const (
	MaxRunning   = maxRunning
	MaxUndecided = maxUndecided
	DecideWithin = decideWithin
)

// Held gives what answers take that wait to be written.
func (s *Server) Held() int64 { return s.held.Load() }

// Idle tells how many goroutines wait for a call.
func (s *Server) Idle() int64 { return s.idle.Load() }
