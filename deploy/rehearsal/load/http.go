package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// pageSize is how many resources a list asks for.
const pageSize = 20

// appendRequest writes a request. What clients write needs no escapes.
func appendRequest(b []byte, r *request, host string) []byte {
	method, path, id := route(r.kind)
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, path...)
	if id {
		b = strconv.AppendInt(b, r.id, 10)
	}
	switch r.kind {
	case FindUser:
		b = append(b, "?username="...)
		b = append(b, r.username...)
	case ListThreads:
		b = append(b, "?createdBy="...)
		b = strconv.AppendInt(b, r.id, 10)
		b = append(b, "&pageSize="...)
		b = strconv.AppendInt(b, pageSize, 10)
	case ListPostsInThread, ListPostsByUser:
		b = append(b, "?pageSize="...)
		b = strconv.AppendInt(b, pageSize, 10)
	default:
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	b = appendHeader(b, "Idempotency-Key", r.key)
	b = appendHeader(b, "If-Match", r.match)
	if body := body(r); body != "" {
		b = append(b, "\r\nContent-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n\r\n"...)
		return append(b, body...)
	}
	return append(b, "\r\n\r\n"...)
}

func appendHeader(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, "\r\n"...)
	b = append(b, name...)
	b = append(b, ": "...)
	return append(b, value...)
}

// route gives where a kind of request goes, and whether an id follows.
func route(k Kind) (method, path string, id bool) {
	switch k {
	case ListPostsInThread:
		return http.MethodGet, "/api/posts/in-thread/", true
	case ListPostsByUser:
		return http.MethodGet, "/api/posts/by-user/", true
	default:
	}
	collection := "/api/" + k.Service()
	switch kinds[k].effect {
	case creates:
		return http.MethodPost, collection, false
	case updates:
		return http.MethodPatch, collection + "/", true
	case deletes:
		return http.MethodDelete, collection + "/", true
	case gets:
		return http.MethodGet, collection + "/", true
	default:
		return http.MethodGet, collection, false
	}
}

func body(r *request) string {
	user, thread := strconv.FormatInt(r.user, 10), strconv.FormatInt(r.thread, 10)
	switch r.kind {
	case CreateUser:
		return `{"username":"` + r.username + `","name":"` + r.content + `"}`
	case CreateThread:
		return `{"title":"` + r.content + `","createdBy":` + user + `}`
	case CreatePost:
		return `{"thread":` + thread + `,"text":"` + r.content + `","user":` + user + `}`
	case UpdateUser:
		return `{"name":"` + r.content + `"}`
	case UpdateThread:
		return `{"title":"` + r.content + `"}`
	case UpdatePost:
		return `{"text":"` + r.content + `"}`
	default:
		return ""
	}
}

// resource is any of the three in JSON.
type resource struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name"`
	Title    string `json:"title"`
	Text     string `json:"text"`
	Etag     string `json:"etag"`
}

func (r *resource) item() item {
	// It has one of the three.
	return item{id: r.ID, content: r.Name + r.Title + r.Text, etag: r.Etag, username: r.Username}
}

var errNoList = errors.New("no list")

// parse reads an answer's body. Of lists, only those that are looked at are read; the
// others would cost more than all else.
func parse(k Kind, body []byte) (of int, it item, err error) {
	switch {
	case k.Deletes():
		return 0, item{}, nil
	case k == FindUser:
		var list []resource
		if err := json.Unmarshal(body, &list); err != nil || len(list) == 0 {
			return 0, item{}, err
		}
		return len(list), list[0].item(), nil
	case kinds[k].effect == lists:
		if !bytes.HasPrefix(body, []byte("[")) || !bytes.HasSuffix(body, []byte("]")) {
			return 0, item{}, errNoList
		}
		return 0, item{}, nil
	}
	var one resource
	if err := json.Unmarshal(body, &one); err != nil {
		return 0, item{}, err
	}
	return 1, one.item(), nil
}
