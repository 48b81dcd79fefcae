package serve

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/admin"
	"github.com/splitboard/splitboard/internal/apierr"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// briefly is how long a handoff waits for the answers of those who have no part in it.
const briefly = 500 * time.Millisecond

// toService stands for the process that is the service on its own.
const toService = "service"

type handoffCommand struct {
	dataFlag
	Service string        `arg:"" optional:"" name:"service" help:"The service whose store is to move; the default is all that this program has."`
	To      string        `name:"to" required:"" placeholder:"service|monolith|INSTANCE" help:"Who shall own the store: the service's own process, the monolith, or an instance that status lists."`
	DryRun  bool          `name:"dry-run" help:"Only ask whether the target is able."`
	Timeout time.Duration `name:"timeout" default:"10s" help:"How long to wait for each store's handoff. One that has begun ends by itself, within two seconds."`
	JSON    bool          `name:"json" help:"Print JSON: an object on a line for each step, and one for each store at its end."`
}

// Validate finds what cannot be.
func (c *handoffCommand) Validate() error {
	switch {
	case c.To == "":
		return errors.New("--to must say who shall own the store")
	case c.Timeout <= 0:
		return errors.New("--timeout must be positive")
	}
	return c.dataFlag.Validate()
}

// A handoffStep is a step that is done.
type handoffStep struct {
	Service string `json:"service"`
	Step    string `json:"step"`
	Elapsed string `json:"elapsed"`
}

// A handoffResult is how a handoff ended.
type handoffResult struct {
	Service  string `json:"service"`
	From     string `json:"from"`
	To       string `json:"to"`
	Moved    bool   `json:"moved"`
	Epoch    int64  `json:"epoch,omitempty"`
	Sequence int64  `json:"sequence,omitempty"`
	Checksum string `json:"checksum,omitempty"`
	Held     int    `json:"held"`
	HoldP50  string `json:"holdP50"`
	HoldP99  string `json:"holdP99"`
	HoldMax  string `json:"holdMax"`
	Took     string `json:"took"`

	gaveUp bool // the owner has closed the store
}

// Errors of a handoff, for the exit code.
var (
	errHandoffAborted = errors.New("the handoff was broken off")
	errNoTarget       = errors.New("no such target")
)

// Run moves stores, one after another, and ends at the first that does not move.
func (c *handoffCommand) Run(a *app) error {
	services := a.binary.Services
	if c.Service != "" {
		s, ok := a.binary.service(c.Service)
		if !ok {
			return fmt.Errorf("%w: %s has no %q", errUsage, a.binary.Name, c.Service)
		}
		services = []Service{s}
	}
	for _, s := range services {
		if err := c.move(a, s.Name); err != nil {
			if s.Name == a.binary.Name {
				return err // which begins with that name anyway
			}
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// move moves one store.
func (c *handoffCommand) move(a *app, service string) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	dir := filepath.Join(c.Data, service)
	owner, err := admin.DialOwner(ctx, dir, service)
	if err != nil {
		return err
	}
	defer owner.Close()
	to, err := c.target(service)
	if err != nil {
		return err
	}
	h := &handoffResult{Service: service, From: owner.Instance, To: to}
	if to == owner.Instance {
		return c.print(a, h, "%s: %s owns it already\n", service, to)
	}
	began := time.Now()
	if err := owner.HandOff(ctx, service, to, c.DryRun, func(r *adminv1.HandoffResponse) { c.step(a, h, r) }); err != nil {
		return h.failure(err)
	}
	if c.DryRun {
		return c.print(a, h, "%s: %s is able to own it; nothing was changed\n", service, to)
	}
	h.Moved, h.Took = true, brief(time.Since(began))
	h.countHolds(ctx, dir, began)
	return c.print(a, h, "%s: moved from %s to %s in %s: epoch %d, sequence %d, checksum %s, the same at both\n"+
		"%s: %d requests were held: p50 %s, p99 %s, max %s\n",
		service, h.From, h.To, h.Took, h.Epoch, h.Sequence, h.Checksum, service, h.Held, h.HoldP50, h.HoldP99, h.HoldMax)
}

// target gives the instance that is meant by --to: the owner if it is one of those, then
// one that is able, then one that will say why it is not.
func (c *handoffCommand) target(service string) (string, error) {
	dir := filepath.Join(c.Data, service)
	binary := c.To
	if c.To == toService {
		binary = service
	}
	var able, others []string
	for _, a := range askProcesses(dir, briefly) {
		p := a.Value // nil if it has not answered
		if a.Instance == c.To {
			return c.To, nil
		}
		i := slices.IndexFunc(p.GetStores(), func(s *adminv1.StoreStatus) bool { return s.GetService() == service })
		if p.GetBinary() != binary || i < 0 {
			continue
		}
		switch is := p.GetStores()[i]; {
		case is.GetState() == adminv1.StoreState_STORE_STATE_OWNER:
			return p.GetInstance(), nil
		case is.GetRefusal() == "":
			able = append(able, p.GetInstance())
		default:
			others = append(others, p.GetInstance())
		}
	}
	if all := slices.Concat(able, others); len(all) > 0 {
		return all[0], nil
	}
	return "", fmt.Errorf("%w: no process in %s is %q; status lists those that are there", errNoTarget, dir, c.To)
}

// step tells of a step.
func (c *handoffCommand) step(a *app, h *handoffResult, r *adminv1.HandoffResponse) {
	name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(r.GetStep().String(), "HANDOFF_STEP_"), "_", "-"))
	h.gaveUp = h.gaveUp || r.GetStep() == adminv1.HandoffStep_HANDOFF_STEP_CLOSED
	if p := r.GetPosition(); p != nil {
		h.Epoch, h.Sequence, h.Checksum = p.GetEpoch(), p.GetSequence(), checksum(p.GetChecksum())
	}
	elapsed := brief(r.GetElapsed().AsDuration())
	// A reader that has gone does not end the handoff.
	if c.JSON {
		_ = printLine(a, handoffStep{h.Service, name, elapsed})
		return
	}
	_, _ = fmt.Fprintf(a.stdout, "%s: %8s  %-12s %s\n", h.Service, elapsed, name, stepTexts[r.GetStep()])
}

// stepTexts says what is done after each step.
var stepTexts = map[adminv1.HandoffStep]string{
	adminv1.HandoffStep_HANDOFF_STEP_ASKED:       "the target is able",
	adminv1.HandoffStep_HANDOFF_STEP_GATE_CLOSED: "requests are held from here on",
	adminv1.HandoffStep_HANDOFF_STEP_DRAINED:     "the work in flight has ended",
	adminv1.HandoffStep_HANDOFF_STEP_RECORDED:    "the handoff stands in the store",
	adminv1.HandoffStep_HANDOFF_STEP_TOLD:        "the target waits for the lock",
	adminv1.HandoffStep_HANDOFF_STEP_CLOSED:      "the store is closed",
	adminv1.HandoffStep_HANDOFF_STEP_UNLOCKED:    "the lock is free",
	adminv1.HandoffStep_HANDOFF_STEP_OWNED:       "the target has opened the store, and found it as it was told",
}

// countHolds asks all processes how long requests were held since the handoff began. One
// that does not answer does not count.
func (h *handoffResult) countHolds(ctx context.Context, dir string, began time.Time) {
	var holds []time.Duration
	for _, a := range admin.AskAll(ctx, dir, briefly, func(ctx context.Context, c *admin.Client) ([]time.Duration, error) {
		return c.Holds(ctx, h.Service, began)
	}) {
		holds = append(holds, a.Value...)
	}
	slices.Sort(holds)
	h.Held = len(holds)
	h.HoldP50, h.HoldP99, h.HoldMax = brief(quantile(holds, 0.50)), brief(quantile(holds, 0.99)), brief(quantile(holds, 1))
}

// quantile gives the smallest of sorted durations that so many are not above.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, min(len(sorted)-1, int(q*float64(len(sorted))+0.999999)-1))]
}

// brief writes a duration to three digits or so.
func brief(d time.Duration) string {
	if d < time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// print writes how a handoff ended.
func (c *handoffCommand) print(a *app, h *handoffResult, format string, values ...any) error {
	if c.JSON {
		return printLine(a, h)
	}
	_, err := fmt.Fprintf(a.stdout, format, values...)
	return err
}

// failure gives the error that an owner answered with, as the exit code needs it.
func (h *handoffResult) failure(err error) error {
	st := status.Convert(err)
	notOwner := apierr.ReasonOf(st) == apierr.ReasonName(errorsv1.Reason_REASON_NOT_OWNER)
	switch {
	case h.gaveUp:
		return fmt.Errorf("the owner has let the store go, and then: %s", st.Message())
	case st.Code() == codes.FailedPrecondition:
		return &handoffError{errNoTarget, st.Message()}
	case st.Code() == codes.Aborted:
		return &handoffError{errHandoffAborted, st.Message()}
	case notOwner:
		return &handoffError{errHandoffAborted, "nothing was changed: the store has just moved to another process; see status"}
	case st.Code() == codes.DeadlineExceeded:
		return errors.New("the owner has not ended within --timeout; a handoff that has begun ends by itself: see status")
	default:
		return fmt.Errorf("the owner says %s: %s", st.Code(), st.Message())
	}
}

// A handoffError is one of the errors above in the words of the store's owner.
type handoffError struct {
	kind error
	says string
}

func (e *handoffError) Error() string { return e.says }
func (e *handoffError) Unwrap() error { return e.kind }
