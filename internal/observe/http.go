package observe

import (
	"net/http"
	"time"
)

// Handler returns next with a request id and a line in the log for every request.
func (l *AccessLog) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := chooseRequestID(r.Header[headerRequestID])
		w.Header()[headerRequestID] = []string{id}
		rec := &recorder{ResponseWriter: w}
		// Deferred, so that an aborted request has its line too.
		defer func() {
			end := time.Now()
			path, escaped := loggedPath(r.URL)
			e := entry{
				end: end, method: r.Method, path: path, escaped: escaped,
				status: rec.status, bytes: rec.bytes, duration: end.Sub(start),
				requestID: id, remote: r.RemoteAddr,
			}
			if e.status == 0 {
				e.status = http.StatusOK
			}
			if r.Method == http.MethodHead {
				e.bytes = 0
			}
			l.log(&e)
		}()
		next.ServeHTTP(rec, r.WithContext(WithRequestID(r.Context(), id)))
	})
}

// A recorder notes what is answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader notes the status; of several, as net/http does, the first that is no
// 1xx.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets [http.ResponseController] reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Begun tells whether the answer on w, as a handler inside [AccessLog.Handler] has it,
// has begun.
func Begun(w http.ResponseWriter) bool {
	r, ok := w.(*recorder)
	return ok && r.status != 0
}
