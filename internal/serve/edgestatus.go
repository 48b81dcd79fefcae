package serve

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/peer"
)

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
