// Package front is the address that the scripts are given for AWS's. It writes down each
// call that they make, answers those that are played in this module, and hands all others
// to the emulator.
package front

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Front is a server.
type Front struct {
	emulator string // its address, HOST:PORT
	played   map[string]Play
	after    func(ctx context.Context, call Call) error

	server http.Server
	addr   string
	client *http.Client

	mu    sync.Mutex
	calls []Call
}

// A Play answers one action of a service from the body of its request: with what is to be
// the body of the answer, or with an [Error].
type Play func(ctx context.Context, body []byte) (any, error)

// XML is an answer that is not written as JSON.
type XML string

// An Error is one that the service itself would answer with.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Start serves on a free port of this machine. played are the actions that are answered
// here, by "SERVICE ACTION". after is called when a changing call has succeeded and its
// answer has not been given yet; that it failed is what the caller is told then.
func Start(ctx context.Context, emulator string, played map[string]Play, after func(ctx context.Context, call Call) error) (*Front, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &Front{emulator: emulator, played: played, after: after, addr: listener.Addr().String(), client: &http.Client{Timeout: time.Minute}}
	f.server = http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	go func() { _ = f.server.Serve(listener) }()
	return f, nil
}

// URL is for --endpoint-url.
func (f *Front) URL() string { return "http://" + f.addr }

// Close ends the server.
func (f *Front) Close() error { return f.server.Close() }

// Calls gives all calls that were made, in the order in which they were answered.
func (f *Front) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.calls...)
}

// ServeHTTP implements [http.Handler].
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	call, err := parseCall(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := f.answer(r, body, &call)
	if answer.status < 300 && call.Changing() {
		if err := f.after(r.Context(), call); err != nil {
			call.Failed = err.Error()
			answer = emulationFailed(err)
		}
	}
	f.mu.Lock()
	f.calls = append(f.calls, call)
	f.mu.Unlock()
	maps.Copy(w.Header(), answer.header)
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body) // whoever has gone away needs no answer
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (f *Front) answer(r *http.Request, body []byte, call *Call) answer {
	play, ok := f.played[call.Service+" "+call.Action]
	if !ok {
		return f.forward(r, body, call)
	}
	got, err := play(r.Context(), body)
	if known, ok := errors.AsType[*Error](err); ok {
		call.Failed = known.Error()
		return failure(http.StatusBadRequest, known.Code, known.Message)
	}
	if err != nil {
		call.Failed = err.Error()
		return emulationFailed(err)
	}
	if text, ok := got.(XML); ok {
		return answer{http.StatusOK, http.Header{"Content-Type": {"text/xml"}}, []byte(text)}
	}
	text, err := json.Marshal(got)
	if err != nil {
		return emulationFailed(err)
	}
	return answer{http.StatusOK, http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, text}
}

// forward hands the request to the emulator as it is.
func (f *Front) forward(r *http.Request, body []byte, call *Call) answer {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", f.emulator, ""
	out.Body = io.NopCloser(bytes.NewReader(body))
	res, err := f.client.Do(out) //nolint:gosec // to the emulator, wherever the request was for
	if err != nil {
		call.Failed = err.Error()
		return emulationFailed(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		call.Failed = err.Error()
		return emulationFailed(err)
	}
	if res.StatusCode >= 300 {
		call.Failed = fmt.Sprintf("%s %.300s", res.Status, strings.Join(strings.Fields(string(got)), " "))
	}
	res.Header.Del("Connection")
	return answer{res.StatusCode, res.Header, got}
}

// emulationFailed is an error that the CLI does not try again after.
func emulationFailed(err error) answer {
	return failure(http.StatusBadRequest, "EmulationFailed", err.Error())
}

// failure is an error that the CLI shows, whichever way the service writes its answers.
func failure(status int, code, message string) answer {
	text, err := json.Marshal(map[string]string{"__type": code, "message": message})
	if err != nil {
		text = []byte(err.Error())
	}
	return answer{status, http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amzn-Errortype": {code}}, text}
}
