package edge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// gateway holds grpc-gateway's generated handlers, which serve the writes.
type gateway struct{ mux *runtime.ServeMux }

func newGateway(conns map[string]grpc.ClientConnInterface) *gateway {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, codec{}),
		runtime.WithMetadata(sendKey),
		runtime.WithIncomingHeaderMatcher(noHeader),
		runtime.WithOutgoingHeaderMatcher(noHeader),
		runtime.WithOutgoingTrailerMatcher(noHeader),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithForwardResponseOption(describe),
		runtime.WithErrorHandler(failWrite),
		runtime.WithRoutingErrorHandler(failRoute),
	)
	register := func(name string, handlers func(grpc.ClientConnInterface) error) {
		conn, ok := conns[name]
		if !ok {
			return
		}
		if err := handlers(writeConn{conn}); err != nil {
			panic(fmt.Sprintf("edge: register %s: %v", name, err)) // generated code returns none
		}
	}
	ctx := context.Background() // used by the generated code for nothing
	register(users, func(c grpc.ClientConnInterface) error {
		return usersv1.RegisterUsersServiceHandlerClient(ctx, mux, usersv1.NewUsersServiceClient(c))
	})
	register(threads, func(c grpc.ClientConnInterface) error {
		return threadsv1.RegisterThreadsServiceHandlerClient(ctx, mux, threadsv1.NewThreadsServiceClient(c))
	})
	register(posts, func(c grpc.ClientConnInterface) error {
		return postsv1.RegisterPostsServiceHandlerClient(ctx, mux, postsv1.NewPostsServiceClient(c))
	})
	return &gateway{mux}
}

// noHeader lets no header become metadata, nor metadata a header: what may pass is set
// by name.
func noHeader(string) (string, bool) { return "", false }

// failRoute answers a request that none of the generated handlers takes.
func failRoute(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, _ int) {
	fail(w, r, errPath)
}

// written gives the path and the etag of the resource that a write's response has, empty
// if it has none.
func written(response proto.Message) (path, etag string) {
	switch m := response.(type) {
	case interface{ GetUser() *usersv1.User }:
		return resourcePath("/api/users/", m.GetUser().GetId()), m.GetUser().GetEtag()
	case interface{ GetThread() *threadsv1.Thread }:
		return resourcePath("/api/threads/", m.GetThread().GetId()), m.GetThread().GetEtag()
	case interface{ GetPost() *postsv1.Post }:
		return resourcePath("/api/posts/", m.GetPost().GetId()), m.GetPost().GetEtag()
	}
	return "", ""
}

func resourcePath(collection string, id int64) string {
	return collection + strconv.FormatInt(id, 10)
}

// codec reads and writes the JSON of resources for the generated handlers.
type codec struct{}

var _ runtime.Marshaler = codec{}

// ContentType gives the type of every answer.
func (codec) ContentType(any) string { return jsonType[0] }

// Marshal writes a resource, or nothing for a response that has none.
func (codec) Marshal(v any) ([]byte, error) {
	const guess = 512
	switch m := v.(type) {
	case *usersv1.User:
		return appendUser(make([]byte, 0, guess), m), nil
	case *threadsv1.Thread:
		return appendThread(make([]byte, 0, guess), m), nil
	case *postsv1.Post:
		return appendPost(make([]byte, 0, guess+len(m.GetText())), m), nil
	case *postsv1.DeletePostResponse:
		return nil, nil
	}
	return nil, fmt.Errorf("edge: no JSON for %T", v)
}

// Unmarshal reads the resource that v points to a pointer to.
func (codec) Unmarshal(data []byte, v any) error {
	target := reflect.ValueOf(v).Elem()
	empty, ok := reflect.TypeAssert[proto.Message](target)
	if !ok {
		return fmt.Errorf("edge: no JSON for %T", v)
	}
	resource, err := shapeOf(empty).parse(data)
	if err != nil {
		return err
	}
	target.Set(reflect.ValueOf(resource))
	return nil
}

// NewDecoder reads the resource in a body that has been checked, or in a copy of one.
func (c codec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		if checked, ok := r.(*checkedBody); ok {
			reflect.ValueOf(v).Elem().Set(reflect.ValueOf(checked.resource))
			return nil
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return c.Unmarshal(data, v)
	})
}

// NewEncoder is for streams, which the board has not.
func (c codec) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		b, err := c.Marshal(v)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	})
}
