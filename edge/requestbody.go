package edge

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
)

const (
	mediaJSON       = "application/json"
	mediaMergePatch = "application/merge-patch+json" // RFC 7396
)

var acceptPatch = []string{mediaJSON + ", " + mediaMergePatch}

// maxBody is the most bytes that a body may have.
const maxBody = 1 << 20

// checkMediaType returns errMediaType unless the body is JSON in UTF-8, uncompressed.
// A body whose type is not named is taken for JSON.
func checkMediaType(r *http.Request) error {
	for _, encoding := range r.Header["Content-Encoding"] {
		if !strings.EqualFold(encoding, "identity") {
			return errMediaType.Message("a body must have no Content-Encoding")
		}
	}
	types := r.Header["Content-Type"]
	if len(types) == 0 || len(types) == 1 && (types[0] == mediaJSON || types[0] == "") {
		return nil
	}
	if len(types) > 1 {
		return errMediaType
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || media != mediaJSON && (media != mediaMergePatch || r.Method != http.MethodPatch) {
		return errMediaType
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return errMediaType
		}
	}
	return nil
}

// readBody reads a request's whole body into buf.
func readBody(w http.ResponseWriter, r *http.Request, buf *buffer) error {
	if r.ContentLength > maxBody {
		return errBodyTooLarge
	}
	body := http.MaxBytesReader(w, r.Body, maxBody)
	for {
		if len(buf.b) == cap(buf.b) {
			if err := buf.grow(r.ContentLength); err != nil {
				return err
			}
		}
		n, err := body.Read(buf.b[len(buf.b):cap(buf.b)])
		buf.b = buf.b[:len(buf.b)+n]
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			if _, over := errors.AsType[*http.MaxBytesError](err); over {
				return errBodyTooLarge
			}
			return errBody.Message("the body ended early, or came too slowly").Because(err)
		}
	}
}

// grow makes room for more of a body of the given length, which is negative if nobody
// said it. It never makes much more than what has come already: the length is a promise,
// and costs nothing. It returns apierr.ErrOverloaded.
func (b *buffer) grow(length int64) error {
	size := max(2*cap(b.b), exempt)
	if length >= int64(cap(b.b)) {
		// One byte more than the body has, so that its end is met without growing.
		size = min(size, int(length)+1)
	}
	if err := b.hold(size); err != nil {
		return err
	}
	b.b = append(make([]byte, 0, size), b.b...)
	return nil
}

// checkBody reads a body and checks all of it.
func checkBody(w http.ResponseWriter, r *http.Request, buf *buffer, shape *shape) (io.ReadCloser, error) {
	err := checkMediaType(r)
	if err != nil {
		return nil, err
	}
	if err := readBody(w, r, buf); err != nil {
		return nil, err
	}
	resource, err := shape.parse(buf.b)
	if err != nil {
		return nil, err
	}
	checked := &checkedBody{resource: resource}
	checked.Reset(buf.b)
	return checked, nil
}

// failBody answers a request whose body was refused.
func failBody(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errMediaType) && r.Method == http.MethodPatch:
		w.Header()["Accept-Patch"] = acceptPatch
	case errors.Is(err, errBodyTooLarge), errors.Is(err, apierr.ErrOverloaded):
		// The rest of the body is on its way: nothing after it can be read.
		w.Header()["Connection"] = closeConnection
	}
	fail(w, r, err)
}

// checkedBody is a body that has been read and checked, and the resource it describes.
// A handler that reads it only once need not parse it again.
type checkedBody struct {
	bytes.Reader
	resource proto.Message
}

// Close does nothing: the server closes the body that it gave.
func (*checkedBody) Close() error { return nil }
