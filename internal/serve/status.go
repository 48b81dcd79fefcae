package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/admin"
	"github.com/splitboard/splitboard/internal/peer"
)

// statusTimeout bounds each question that status asks.
const statusTimeout = 2 * time.Second

type statusCommand struct {
	dataFlag
	JSON bool `name:"json" help:"Print JSON, an array with an object for each store."`
}

// A storeStatus is a line of status.
type storeStatus struct {
	Service string       `json:"service"`
	Served  bool         `json:"served"`
	Error   string       `json:"error,omitempty"`
	Process *processInfo `json:"process,omitempty"`
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
	UUID          string    `json:"uuid"`
	Epoch         int64     `json:"epoch"`
	Sequence      int64     `json:"sequence"`
	Checksum      string    `json:"checksum"`
	SizeBytes     int64     `json:"sizeBytes"`
	SchemaVersion int32     `json:"schemaVersion"`
	MinReader     int32     `json:"minReader"`
	OpenTime      time.Time `json:"openTime"`
}

// Run prints a line for each store. It fails if one is not served.
func (c *statusCommand) Run(a *app) error {
	list := make([]storeStatus, 0, len(a.binary.Services))
	all := true
	for _, s := range a.binary.Services {
		st := askStatus(filepath.Join(c.Data, s.Name), s.Name)
		all = all && st.Served
		list = append(list, st)
	}
	if err := c.print(a, list); err != nil {
		return err
	}
	if !all {
		return errReported
	}
	return nil
}

func (c *statusCommand) print(a *app, list []storeStatus) error {
	if c.JSON {
		return printJSON(a, list)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STORE\tSERVED BY\tPID\tINSTANCE\tUP\tEPOCH\tSEQUENCE\tCHECKSUM\tSIZE\tSCHEMA")
	for _, s := range list {
		if !s.Served {
			fmt.Fprintf(w, "%s\t%s\n", s.Service, s.Error)
			continue
		}
		p, st := s.Process, s.Store
		fmt.Fprintf(w, "%s\t%s %s\t%d\t%s\t%s\t%d\t%d\t%s\t%s\t%d\n", s.Service, p.Binary, p.Version, p.PID, p.Instance,
			time.Since(p.StartTime).Round(time.Second), st.Epoch, st.Sequence, st.Checksum, mib(st.SizeBytes), st.SchemaVersion)
	}
	return w.Flush()
}

func askStatus(dir, service string) storeStatus {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	unserved := storeStatus{Service: service}
	client, err := admin.Dial(ctx, dir)
	if errors.Is(err, admin.ErrNotServed) {
		unserved.Error = "not served"
		return unserved
	}
	if err != nil {
		unserved.Error = err.Error()
		return unserved
	}
	defer client.Close()
	resp, err := client.Status(ctx)
	if err != nil {
		unserved.Error = err.Error()
		return unserved
	}
	for _, st := range resp.GetStores() {
		if st.GetService() != service {
			continue
		}
		return storeStatus{
			Service: service, Served: true,
			Process: &processInfo{
				Instance: resp.GetInstance(), Binary: resp.GetBinary(), Version: resp.GetVersion(),
				PID: resp.GetPid(), StartTime: resp.GetStartTime().AsTime(),
			},
			Store: &storeInfo{
				UUID: st.GetUuid(), Epoch: st.GetEpoch(), Sequence: st.GetSequence(),
				Checksum: fmt.Sprintf("%016x", st.GetChecksum()), SizeBytes: st.GetSizeBytes(),
				SchemaVersion: st.GetSchemaVersion(), MinReader: st.GetMinReader(), OpenTime: st.GetOpenTime().AsTime(),
			},
		}
	}
	unserved.Error = "not served"
	return unserved
}

type edgeStatusCommand struct {
	JSON         bool `name:"json" help:"Print JSON, an array with an object for each service."`
	kong.Plugins      // the addresses of the upstreams
}

type upstreamStatus struct {
	Service      string  `json:"service"`
	Target       string  `json:"target"`
	Serving      bool    `json:"serving"`
	Error        string  `json:"error,omitempty"`
	Milliseconds float64 `json:"milliseconds"`
}

// Run prints a line for each upstream. It fails if one does not serve.
func (c *edgeStatusCommand) Run(a *app) error {
	list := make([]upstreamStatus, 0, len(a.binary.Upstreams))
	all := true
	addresses := targets(c.Plugins)
	for _, name := range a.binary.Upstreams {
		s := askHealth(name, addresses[name], a.binary.Name)
		all = all && s.Serving
		list = append(list, s)
	}
	if err := c.print(a, list); err != nil {
		return err
	}
	if !all {
		return errReported
	}
	return nil
}

func (c *edgeStatusCommand) print(a *app, list []upstreamStatus) error {
	if c.JSON {
		return printJSON(a, list)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERVICE\tTARGET\tTIME\tSTATUS")
	for _, s := range list {
		state := "serving"
		if !s.Serving {
			state = s.Error
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f ms\t%s\n", s.Service, s.Target, s.Milliseconds, state)
	}
	return w.Flush()
}

func askHealth(service, target, binary string) upstreamStatus {
	s := upstreamStatus{Service: service, Target: target}
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	conn, err := peer.Dial(target, "splitboard-"+binary+"/"+Version())
	if err != nil {
		s.Error = err.Error()
		return s
	}
	defer conn.Close()
	start := time.Now()
	resp, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	s.Milliseconds = float64(time.Since(start).Microseconds()) / 1000
	switch {
	case err != nil:
		s.Error = status.Convert(err).Message()
	case resp.GetStatus() != healthv1.HealthCheckResponse_SERVING:
		s.Error = "not serving"
	default:
		s.Serving = true
	}
	return s
}

func printJSON(a *app, v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// mib writes a size as people read it.
func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
