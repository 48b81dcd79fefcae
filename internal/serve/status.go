package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/splitboard/splitboard/internal/admin"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// statusTimeout bounds each question that status asks.
const statusTimeout = 2 * time.Second

type statusCommand struct {
	dataFlag
	JSON bool `name:"json" help:"Print JSON: the stores, and the processes that answer for them."`
}

// A boardStatus is what status tells.
type boardStatus struct {
	Stores    []storeStatus   `json:"stores"`
	Processes []processStatus `json:"processes"`
}

// A storeStatus is how a store is served.
type storeStatus struct {
	Service string       `json:"service"`
	Served  bool         `json:"served"`
	Error   string       `json:"error,omitempty"`
	Owner   *processInfo `json:"owner,omitempty"`
	Store   *storeInfo   `json:"store,omitempty"`
}

type processInfo struct {
	Instance  string    `json:"instance"`
	Binary    string    `json:"binary"`
	Version   string    `json:"version"`
	PID       int64     `json:"pid"`
	StartTime time.Time `json:"startTime"`
}

type storeInfo struct {
	UUID            string    `json:"uuid"`
	Epoch           int64     `json:"epoch"`
	Sequence        int64     `json:"sequence"`
	Checksum        string    `json:"checksum"`
	SizeBytes       int64     `json:"sizeBytes"`
	SchemaVersion   int32     `json:"schemaVersion"`
	MinReader       int32     `json:"minReader"`
	OpenTime        time.Time `json:"openTime"`
	AnswersFromKeys int64     `json:"answersFromKeys"`
}

// A processStatus is what a process is to the stores.
type processStatus struct {
	processInfo
	Error    string        `json:"error,omitempty"` // it has not answered
	Draining bool          `json:"draining"`
	Stores   []shareStatus `json:"stores"`
}

// A shareStatus is what a process is to one store.
type shareStatus struct {
	Service     string `json:"service"`
	State       string `json:"state"`
	Owner       string `json:"owner,omitempty"`
	Held        int64  `json:"held"`
	Forwarded   int64  `json:"forwarded"`
	LongestHold string `json:"longestHold"`
	Refusal     string `json:"refusal,omitempty"`
}

// Run prints who serves each store. It fails if one is not served.
func (c *statusCommand) Run(a *app) error {
	board := askBoard(c.Data, a.binary.Services)
	var err error
	if c.JSON {
		err = printJSON(a, board)
	} else {
		err = board.print(a)
	}
	unserved := func(s storeStatus) bool { return !s.Served }
	if err == nil && slices.ContainsFunc(board.Stores, unserved) {
		return errReported
	}
	return err
}

// askBoard asks everybody who has a socket in the services' folders.
func askBoard(data string, services []Service) boardStatus {
	board := boardStatus{Stores: []storeStatus{}, Processes: []processStatus{}}
	for _, s := range services {
		st := storeStatus{Service: s.Name, Error: "not served"}
		switch err := admin.Reachable(filepath.Join(data, s.Name)); {
		case errors.Is(err, admin.ErrNotServed):
			st.Error = "not served; there is no folder " + filepath.Join(data, s.Name)
		case err != nil:
			st.Error = err.Error()
		}
		for _, a := range askProcesses(filepath.Join(data, s.Name), statusTimeout) {
			if a.Err != nil {
				board.silent(a.Instance, a.Err, &st)
				continue
			}
			board.add(a.Value, &st)
		}
		board.Stores = append(board.Stores, st)
	}
	return board
}

// askProcesses asks everybody who has a socket in a service's folder.
func askProcesses(dir string, timeout time.Duration) []admin.Answer[*adminv1.GetStatusResponse] {
	return admin.AskAll(context.Background(), dir, timeout, func(ctx context.Context, c *admin.Client) (*adminv1.GetStatusResponse, error) {
		return c.Status(ctx)
	})
}

// silent notes that a process has not answered when it was asked about a store. If nobody
// else owns it, that is why.
func (b *boardStatus) silent(instance string, err error, st *storeStatus) {
	if !st.Served {
		st.Error = fmt.Sprintf("instance %s: %v", instance, err)
	}
	known := func(p processStatus) bool { return p.Instance == instance }
	if !slices.ContainsFunc(b.Processes, known) {
		b.Processes = append(b.Processes, processStatus{
			processInfo: processInfo{Instance: instance}, Error: err.Error(), Stores: []shareStatus{},
		})
	}
}

// add notes what a process has answered when it was asked about a store.
func (b *boardStatus) add(resp *adminv1.GetStatusResponse, st *storeStatus) {
	i := slices.IndexFunc(b.Processes, func(p processStatus) bool { return p.Instance == resp.GetInstance() })
	if i < 0 {
		i = len(b.Processes)
		b.Processes = append(b.Processes, processStatus{Draining: resp.GetDraining(), processInfo: processInfo{
			Instance: resp.GetInstance(), Binary: resp.GetBinary(), Version: resp.GetVersion(),
			PID: resp.GetPid(), StartTime: resp.GetStartTime().AsTime(),
		}})
	}
	p := &b.Processes[i]
	for _, s := range resp.GetStores() {
		if s.GetService() != st.Service {
			continue
		}
		p.Stores = append(p.Stores, shareStatus{
			Service: s.GetService(), State: strings.TrimPrefix(s.GetState().String(), "STORE_STATE_"), Owner: s.GetOwner(),
			Held: s.GetHeld(), Forwarded: s.GetForwarded(), LongestHold: s.GetLongestHold().AsDuration().String(), Refusal: s.GetRefusal(),
		})
		if s.GetState() == adminv1.StoreState_STORE_STATE_OWNER {
			owner := p.processInfo
			st.Served, st.Error, st.Owner, st.Store = true, "", &owner, storeInfoOf(s)
		}
	}
}

func storeInfoOf(s *adminv1.StoreStatus) *storeInfo {
	return &storeInfo{
		UUID: s.GetUuid(), Epoch: s.GetEpoch(), Sequence: s.GetSequence(),
		Checksum: checksum(s.GetChecksum()), SizeBytes: s.GetSizeBytes(),
		SchemaVersion: s.GetSchemaVersion(), MinReader: s.GetMinReader(), OpenTime: s.GetOpenTime().AsTime(),
		AnswersFromKeys: s.GetAnswersFromKeys(),
	}
}

// print writes two tables: the stores, and what each process is to them.
func (b *boardStatus) print(a *app) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STORE\tOWNER\tPID\tINSTANCE\tSINCE\tEPOCH\tSEQUENCE\tCHECKSUM\tSIZE\tSCHEMA\tFROM KEYS")
	for _, s := range b.Stores {
		if !s.Served {
			fmt.Fprintf(w, "%s\t%s\n", s.Service, s.Error)
			continue
		}
		p, st := s.Owner, s.Store
		fmt.Fprintf(w, "%s\t%s %s\t%d\t%s\t%s\t%d\t%d\t%s\t%s\t%d\t%d\n", s.Service, p.Binary, p.Version, p.PID, p.Instance,
			since(st.OpenTime), st.Epoch, st.Sequence, st.Checksum, mib(st.SizeBytes), st.SchemaVersion, st.AnswersFromKeys)
	}
	if err := w.Flush(); err != nil || len(b.Processes) == 0 {
		return err
	}
	fmt.Fprintln(w, "\nPROCESS\tINSTANCE\tUP\tSTORE\tSTATE\tHELD\tLONGEST HOLD\tFORWARDED")
	for _, p := range b.Processes {
		if p.Error != "" {
			fmt.Fprintf(w, "-\t%s\t-\t-\t%s\n", p.Instance, p.Error)
		}
		for _, s := range p.Stores {
			state := strings.ToLower(s.State)
			if p.Draining {
				state += ", draining"
			}
			if s.Refusal != "" {
				state += ": " + s.Refusal
			}
			if s.Owner == "" {
				state += "; it knows of no owner"
			}
			fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\t%s\t%d\t%s\t%d\n", p.Binary, p.Version, p.Instance, since(p.StartTime),
				s.Service, state, s.Held, s.LongestHold, s.Forwarded)
		}
	}
	return w.Flush()
}

func since(t time.Time) string { return time.Since(t).Round(time.Second).String() }

// checksum writes a checksum as people compare it.
func checksum(sum uint64) string { return fmt.Sprintf("%016x", sum) }

func printJSON(a *app, v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printLine writes JSON on one line.
func printLine(a *app, v any) error { return json.NewEncoder(a.stdout).Encode(v) }

// mib writes a size as people read it.
func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
