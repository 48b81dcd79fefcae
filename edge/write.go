package edge

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/idempotency"
)

// create serves POST on a collection of resources like the given one.
func (gw *gateway) create(resource proto.Message) http.HandlerFunc {
	shape := shapeOf(resource)
	return func(w http.ResponseWriter, r *http.Request) {
		gw.serve(w, r, http.StatusCreated, shape, nil)
	}
}

// update serves PATCH on a resource like the given one.
func (gw *gateway) update(resource proto.Message, current currentEtag) http.HandlerFunc {
	shape := shapeOf(resource)
	return func(w http.ResponseWriter, r *http.Request) {
		gw.serve(w, r, http.StatusOK, shape, current)
	}
}

// delete serves DELETE on a resource.
func (gw *gateway) delete(current currentEtag) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		gw.serve(w, r, http.StatusNoContent, nil, current)
	}
}

// serve checks a write and hands it to the generated handler. A write with a body has
// its shape; one on a resource that exists, and not on a collection, has current.
func (gw *gateway) serve(w http.ResponseWriter, r *http.Request, success int, shape *shape, current currentEtag) {
	var id int64
	if current != nil {
		var ok bool
		if id, ok = pathID(w, r, "id"); !ok {
			return
		}
	}
	wr, err := checkHeaders(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	body := io.ReadCloser(http.NoBody)
	if shape != nil {
		buf := bodies.Get().(*buffer)
		defer buf.free(&bodies, exempt)
		if body, err = checkBody(w, r, buf, shape); err != nil {
			failBody(w, r, err)
			return
		}
	}
	if current != nil {
		if wr.guard, err = wr.ifMatch.guard(r.Context(), id, current); err != nil {
			fail(w, r, err)
			return
		}
	}
	gw.mux.ServeHTTP(&writeAnswer{ResponseWriter: w, code: success}, gatewayRequest(r, wr, body))
}

// write is what the headers of a write say about it.
type write struct {
	key     string // the idempotency key, or ""
	ifMatch tags   // any if there is no such header
	guard   string // the etag that the resource must have, or ""
}

// checkHeaders reads the headers that writes have.
func checkHeaders(r *http.Request) (*write, error) {
	wr := &write{ifMatch: tags{any: true}}
	var err error
	if wr.key, err = idempotency.Key(r.Header[idempotency.Header]); err != nil {
		return nil, err
	}
	if conditions := r.Header["If-Match"]; conditions != nil {
		wr.ifMatch, err = parseTags("If-Match", conditions)
	}
	return wr, err
}

type writeKey struct{}

// gatewayRequest is the request as the generated handlers get it: without the query and
// the headers, so that none of those can have an effect that is not meant (?updateMask=,
// Grpc-Timeout, TE, X-HTTP-Method-Override and so on).
func gatewayRequest(r *http.Request, wr *write, body io.ReadCloser) *http.Request {
	gr := &http.Request{
		Method: r.Method,
		URL:    &url.URL{Path: strings.TrimSuffix(r.URL.Path, "/")},
		Header: http.Header{},
		Body:   body,
	}
	return gr.WithContext(context.WithValue(r.Context(), writeKey{}, wr))
}

// sendKey gives the metadata that a write sends.
func sendKey(ctx context.Context, _ *http.Request) metadata.MD {
	if wr, _ := ctx.Value(writeKey{}).(*write); wr != nil && wr.key != "" {
		return metadata.MD{idempotency.Metadata: {wr.key}}
	}
	return nil
}

// writeAnswer is what a generated handler answers to. It holds the status back until the
// body is known, so that every answer has its Content-Length.
type writeAnswer struct {
	http.ResponseWriter
	code int
}

// Write writes the whole body.
func (a *writeAnswer) Write(body []byte) (int, error) {
	h := a.Header()
	if a.code == http.StatusNoContent {
		delete(h, "Content-Type")
		a.WriteHeader(a.code)
		return len(body), nil
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	a.WriteHeader(a.code)
	return a.ResponseWriter.Write(body)
}

// describe sets the headers that name what was written.
func describe(_ context.Context, w http.ResponseWriter, response proto.Message) error {
	path, etag := written(response)
	if etag == "" {
		return nil
	}
	w.Header()["Etag"] = []string{etag}
	if a, ok := w.(*writeAnswer); ok && a.code == http.StatusCreated {
		w.Header()["Location"] = []string{path}
	}
	return nil
}

// failWrite answers with what a generated handler or the gateway's mux failed with.
func failWrite(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if a, ok := w.(*writeAnswer); ok {
		w = a.ResponseWriter
	}
	fail(w, r, err)
}
