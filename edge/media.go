package edge

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
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

// readBody reads a request's whole body into b.
func readBody(w http.ResponseWriter, r *http.Request, b []byte) ([]byte, error) {
	if r.ContentLength > maxBody {
		return b, errBodyTooLarge
	}
	if free := cap(b) - len(b); r.ContentLength >= int64(free) {
		// One byte more than the body has, so that its end is met without growing.
		b = append(make([]byte, 0, r.ContentLength+1), b...)
	}
	body := http.MaxBytesReader(w, r.Body, maxBody)
	for {
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF: //nolint:errorlint // Read returns it bare
			return b, nil
		case err != nil:
			if _, over := errors.AsType[*http.MaxBytesError](err); over {
				return b, errBodyTooLarge
			}
			return b, errBody.Message("the body ended early, or came too slowly").Because(err)
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}
