package edge

import (
	"net/http"
	"strconv"
	"sync"
)

// Header values that many answers share. Each has no spare capacity, so whoever adds a
// value gets a copy.
var (
	jsonType        = []string{"application/json; charset=utf-8"}
	textType        = []string{"text/plain; charset=utf-8"}
	retryAfter      = []string{"1"}
	noStore         = []string{"no-store"}
	closeConnection = []string{"close"}
)

// Answers larger than this do not keep their buffer.
const maxPooled = 1 << 20

// Bodies and answers have pools of their own: a body that comes slowly must not sit in
// the large buffer of an answer.
var (
	buffers = sync.Pool{New: newBuffer}
	bodies  = sync.Pool{New: newBuffer}
)

type buffer struct {
	b    []byte
	held int64 // of the budget
}

func newBuffer() any { return &buffer{b: make([]byte, 0, 4<<10)} }

// free gives the buffer back to its pool, unless it is larger than most.
func (b *buffer) free(pool *sync.Pool, most int) {
	memory.Give(b.held)
	b.held = 0
	if cap(b.b) <= most {
		b.b = b.b[:0]
		pool.Put(b)
	}
}

// answer writes a JSON body that has the entity tag etag, or 304 if the client has
// it already.
func answer(w http.ResponseWriter, r *http.Request, etag string, appendBody func([]byte) []byte) {
	if conditions := r.Header["If-None-Match"]; conditions != nil {
		tags, err := parseTags("If-None-Match", conditions)
		if err != nil {
			fail(w, r, err)
			return
		}
		if tags.matchWeakly(etag) {
			w.Header()["Etag"] = []string{etag}
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	buf := buffers.Get().(*buffer)
	defer buf.free(&buffers, maxPooled)
	buf.b = appendBody(buf.b)
	if err := buf.hold(len(buf.b)); err != nil {
		fail(w, r, err)
		return
	}
	values := &[2]string{etag, strconv.Itoa(len(buf.b))}
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Etag"] = values[0:1:1]
	h["Content-Length"] = values[1:2:2]
	_, _ = w.Write(buf.b) // the client may be gone
}

// writeText answers with a line of text.
func writeText(w http.ResponseWriter, code int, text string) {
	writeBody(w, code, textType, []byte(text))
}

func writeBody(w http.ResponseWriter, code int, contentType []string, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(code)
	_, _ = w.Write(body) // the client may be gone
}
