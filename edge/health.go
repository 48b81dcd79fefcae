package edge

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/splitboard/splitboard/internal/jsontext"
)

// healthTimeout bounds how long /healthz waits for the services, which it asks all at
// once. A load balancer's own timeout is rarely shorter.
const healthTimeout = time.Second

// healthz answers with the health of each service, as its process tells it: 200 if all
// are serving and this process is not draining, else 503.
func healthz(conns map[string]grpc.ClientConnInterface, draining func() bool) http.HandlerFunc {
	names := slices.Sorted(maps.Keys(conns))
	return func(w http.ResponseWriter, r *http.Request) {
		statuses := make([]healthv1.HealthCheckResponse_ServingStatus, len(names))
		ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
		defer cancel()
		var asked sync.WaitGroup
		for i, name := range names {
			asked.Go(func() { statuses[i] = ask(ctx, conns[name]) })
		}
		asked.Wait()

		whole := healthv1.HealthCheckResponse_SERVING
		if draining() || slices.ContainsFunc(statuses, isNotServing) {
			whole = healthv1.HealthCheckResponse_NOT_SERVING
		}
		writeHealth(w, whole, names, statuses)
	}
}

// ask gives a service's health: UNKNOWN if it does not answer.
func ask(ctx context.Context, conn grpc.ClientConnInterface) healthv1.HealthCheckResponse_ServingStatus {
	response, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		return healthv1.HealthCheckResponse_UNKNOWN
	}
	return response.GetStatus()
}

func isNotServing(s healthv1.HealthCheckResponse_ServingStatus) bool {
	return s != healthv1.HealthCheckResponse_SERVING
}

// writeHealth answers as {"status":"SERVING","services":{"posts":"SERVING",…}}.
func writeHealth(w http.ResponseWriter, whole healthv1.HealthCheckResponse_ServingStatus, names []string, statuses []healthv1.HealthCheckResponse_ServingStatus) {
	b := append([]byte(nil), `{"status":`...)
	b = jsontext.AppendString(b, whole.String())
	b = append(b, `,"services":{`...)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsontext.AppendString(b, name)
		b = append(b, ':')
		b = jsontext.AppendString(b, statuses[i].String())
	}
	b = append(b, "}}"...)
	w.Header()["Cache-Control"] = noStore
	code := http.StatusOK
	if isNotServing(whole) {
		w.Header()["Retry-After"] = retryAfter
		code = http.StatusServiceUnavailable
	}
	writeBody(w, code, jsonType, b)
}
