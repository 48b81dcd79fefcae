package openapi_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/openapi"
)

const documentFile = "../../gen/openapi/splitboard.swagger.json"

func committed(t *testing.T) *openapi.Document {
	t.Helper()
	content, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi.Decode(content)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// forEach calls check with each operation of the committed document.
func forEach(t *testing.T, check func(t *testing.T, method, path string, op *openapi.Operation)) {
	t.Helper()
	for path, item := range committed(t).Paths {
		for method, op := range item.Operations() {
			t.Run(method+" "+path, func(t *testing.T) { check(t, method, path, op) })
		}
	}
}

func TestEveryRPCHasAnOperation(t *testing.T) {
	var got, want []string
	for _, item := range committed(t).Paths {
		for _, op := range item.Operations() {
			got = append(got, op.OperationID)
		}
	}
	for _, file := range []protoreflect.FileDescriptor{
		usersv1.File_splitboard_users_v1_users_service_proto,
		threadsv1.File_splitboard_threads_v1_threads_service_proto,
		postsv1.File_splitboard_posts_v1_posts_service_proto,
	} {
		service := file.Services().Get(0)
		for i := range service.Methods().Len() {
			want = append(want, string(service.Name()+"_"+service.Methods().Get(i).Name()))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("operations are\n%q, want\n%q", got, want)
	}
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

func TestPathParametersAreIDs(t *testing.T) {
	forEach(t, func(t *testing.T, _, path string, op *openapi.Operation) {
		var want []string
		for _, match := range inBraces.FindAllStringSubmatch(path, -1) {
			want = append(want, match[1])
		}
		var got []string
		for _, p := range op.In("path") {
			got = append(got, p.Name)
			if p.Type != "integer" || p.Format != "int64" || p.Minimum == nil || *p.Minimum != 1 || !p.Required {
				t.Errorf("%s is no required positive int64: %+v", p.Name, *p)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("path parameters are %q, want %q", got, want)
		}
		if len(want) > 0 && op.Responses["400"] == nil {
			t.Error("no 400 for a bad id")
		}
	})
}

func TestQueryParameters(t *testing.T) {
	want := map[string][]string{
		"GET /api/users":                    {"pageSize", "pageToken", "orderBy", "username"},
		"GET /api/threads":                  {"pageSize", "pageToken", "orderBy", "createdBy"},
		"GET /api/posts":                    {"pageSize", "pageToken", "orderBy"},
		"GET /api/posts/in-thread/{thread}": {"pageSize", "pageToken", "orderBy"},
		"GET /api/posts/by-user/{user}":     {"pageSize", "pageToken", "orderBy"},
	}
	types := map[string]string{"pageSize": "integer", "createdBy": "integer"}
	forEach(t, func(t *testing.T, method, path string, op *openapi.Operation) {
		var got []string
		for _, p := range op.In("query") {
			got = append(got, p.Name)
			kind := types[p.Name]
			if kind == "" {
				kind = "string"
			}
			if p.Type != kind || p.Required {
				t.Errorf("%s is %s, required %t; want %s and optional", p.Name, p.Type, p.Required, kind)
			}
		}
		if !slices.Equal(got, want[method+" "+path]) {
			t.Errorf("query parameters are %q, want %q", got, want[method+" "+path])
		}
	})
}

func TestSuccess(t *testing.T) {
	status := map[string]string{"GET": "200", "POST": "201", "PATCH": "200", "DELETE": "204"}
	forEach(t, func(t *testing.T, method, path string, op *openapi.Operation) {
		var got []string
		for code := range op.Responses {
			if code[0] == '2' {
				got = append(got, code)
			}
		}
		if !slices.Equal(got, []string{status[method]}) {
			t.Fatalf("success is %q, want %s alone", got, status[method])
		}
		success := op.Responses[status[method]]
		resource := map[string]string{"users": "User", "threads": "Thread", "posts": "Post"}[strings.Split(path, "/")[2]]
		ref := "#/definitions/" + resource
		list := method == "GET" && !strings.HasSuffix(path, "{id}")
		switch {
		case method == "DELETE":
			if success.Schema != nil {
				t.Errorf("204 has a body: %+v", *success.Schema)
			}
		case list:
			if success.Schema.Type != "array" || success.Schema.Items.Ref != ref {
				t.Errorf("the answer is no array of %s: %+v", resource, *success.Schema)
			}
		case success.Schema.Ref != ref:
			t.Errorf("the answer is %q, want %q", success.Schema.Ref, ref)
		}
		for header, want := range map[string]bool{
			"ETag": method != "DELETE", "Location": method == "POST", "Link": list,
		} {
			if _, ok := success.Headers[header]; ok != want {
				t.Errorf("header %s named: %t, want %t", header, ok, want)
			}
		}
	})
}

func TestRequestHeaders(t *testing.T) {
	want := map[string][]string{
		"GET":    {"If-None-Match"},
		"POST":   {"Idempotency-Key"},
		"PATCH":  {"If-Match", "Idempotency-Key"},
		"DELETE": {"If-Match", "Idempotency-Key"},
	}
	forEach(t, func(t *testing.T, method, _ string, op *openapi.Operation) {
		var got []string
		for _, p := range op.In("header") {
			got = append(got, p.Name)
		}
		if !slices.Equal(got, want[method]) {
			t.Errorf("headers are %q, want %q", got, want[method])
		}
	})
}

func TestBodies(t *testing.T) {
	doc := committed(t)
	forEach(t, func(t *testing.T, method, _ string, op *openapi.Operation) {
		bodies := op.In("body")
		if method == "GET" || method == "DELETE" {
			if len(bodies) != 0 {
				t.Errorf("%s has a body", method)
			}
			return
		}
		if len(bodies) != 1 {
			t.Fatalf("%d bodies, want 1", len(bodies))
		}
		if method == "PATCH" {
			if !slices.Contains(op.Consumes, "application/merge-patch+json") || !slices.Contains(op.Consumes, "application/json") {
				t.Errorf("PATCH takes %q", op.Consumes)
			}
			return
		}
		schema := bodies[0].Schema
		if len(schema.Required) == 0 {
			t.Error("a create requires nothing")
		}
		resource := doc.Definitions[strings.TrimPrefix(schema.AllOf[0].Ref, "#/definitions/")]
		for _, name := range schema.Required {
			if property := resource.Properties.Get(name); property == nil || property.ReadOnly {
				t.Errorf("required field %s is missing or read-only", name)
			}
		}
	})
}

// errorStatuses are the errors that each operation has beside those of its
// method: what its RPC says.
var errorStatuses = map[string][]string{
	"UsersService_CreateUser":     {"409"},
	"UsersService_GetUser":        {"404"},
	"UsersService_UpdateUser":     {"404", "409"},
	"ThreadsService_GetThread":    {"404"},
	"ThreadsService_UpdateThread": {"404"},
	"PostsService_GetPost":        {"404"},
	"PostsService_UpdatePost":     {"404"},
	"PostsService_DeletePost":     {"404"},
}

func TestErrors(t *testing.T) {
	byMethod := map[string][]string{
		"GET":    {"304", "400", "429", "503"},
		"POST":   {"400", "413", "415", "422", "429", "503"},
		"PATCH":  {"400", "412", "413", "415", "422", "429", "503"},
		"DELETE": {"400", "412", "422", "503"},
	}
	forEach(t, func(t *testing.T, method, _ string, op *openapi.Operation) {
		want := append(slices.Clone(byMethod[method]), errorStatuses[op.OperationID]...)
		slices.Sort(want)
		var got []string
		for code, response := range op.Responses {
			if code[0] == '2' || code == "default" {
				continue
			}
			got = append(got, code)
			if code == "304" {
				if response.Schema != nil || response.Headers["ETag"] == nil {
					t.Errorf("304 has a body or no ETag: %+v", *response)
				}
				continue
			}
			if response.Schema == nil || response.Schema.Ref != "#/definitions/Error" {
				t.Errorf("%s has not the error's shape", code)
			}
			if _, ok := response.Headers["Retry-After"]; ok != (code == "429" || code == "503") {
				t.Errorf("%s: Retry-After named: %t", code, ok)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("statuses are %q, want %q", got, want)
		}
		other := op.Responses["default"]
		if other == nil || other.Schema == nil || other.Schema.Ref != "#/definitions/Error" || other.Headers["Allow"] == nil {
			t.Errorf("the default response lacks the error's shape or Allow: %+v", other)
		}
	})
}

func TestCreatesNameTheReferencesTheyCheck(t *testing.T) {
	doc := committed(t)
	for path, want := range map[string]bool{"/api/users": false, "/api/threads": true, "/api/posts": true} {
		responses := doc.Paths[path].Post.Responses
		if got := strings.Contains(responses["400"].Description, "REFERENCE_NOT_FOUND"); got != want {
			t.Errorf("POST %s: 400 names REFERENCE_NOT_FOUND: %t, want %t", path, got, want)
		}
		if got := strings.Contains(responses["503"].Description, "PEER_UNAVAILABLE"); got != want {
			t.Errorf("POST %s: 503 names PEER_UNAVAILABLE: %t, want %t", path, got, want)
		}
	}
}

func TestResourcesHaveTheProtosFields(t *testing.T) {
	doc := committed(t)
	readOnly := []string{"id", "createTime", "updateTime", "etag"}
	for name, message := range map[string]proto.Message{
		"User": (*usersv1.User)(nil), "Thread": (*threadsv1.Thread)(nil), "Post": (*postsv1.Post)(nil),
	} {
		fields := message.ProtoReflect().Descriptor().Fields()
		properties := doc.Definitions[name].Properties
		if len(properties) != fields.Len() {
			t.Fatalf("%s has %d properties, want %d", name, len(properties), fields.Len())
		}
		for i := range fields.Len() {
			field, property := fields.Get(i), properties[i]
			if property.Name != field.JSONName() {
				t.Errorf("%s: property %d is %s, want %s", name, i, property.Name, field.JSONName())
			}
			kind := "string"
			if field.Kind() == protoreflect.Int64Kind {
				kind = "integer"
			}
			if property.Schema.Type != kind {
				t.Errorf("%s.%s is %s, want %s", name, property.Name, property.Schema.Type, kind)
			}
			if got, want := property.Schema.ReadOnly, slices.Contains(readOnly, property.Name); got != want {
				t.Errorf("%s.%s is read-only: %t, want %t", name, property.Name, got, want)
			}
		}
	}
}

func TestErrorHasTheWireShape(t *testing.T) {
	doc := committed(t)
	failure := apierr.New(codes.NotFound, errorsv1.Reason_REASON_USER_NOT_FOUND, "no such user").
		With("id", "7").WithField("user", "there is no user 7")
	wire, err := protojson.Marshal(failure.GRPCStatus().Proto())
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(wire, &value); err != nil {
		t.Fatal(err)
	}
	matches(t, doc, "error", value, &openapi.Schema{Ref: "#/definitions/Error"})

	reasons := doc.Definitions["ErrorDetail"].Properties.Get("reason").Enum
	for number := range errorsv1.Reason_name {
		name := apierr.ReasonName(errorsv1.Reason(number))
		if slices.Contains(reasons, name) == (number == 0) {
			t.Errorf("reason %s is in the document: %t", name, number == 0)
		}
	}
}

// matches checks that a JSON value has the schema's shape, with no field that
// the schema does not know.
func matches(t *testing.T, doc *openapi.Document, at string, value any, s *openapi.Schema) {
	t.Helper()
	if name, ok := strings.CutPrefix(s.Ref, "#/definitions/"); ok {
		s = doc.Definitions[name]
	}
	kind := ""
	switch v := value.(type) {
	case map[string]any:
		kind = "object"
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				t.Errorf("%s has no %s", at, name)
			}
		}
		for name, field := range v {
			switch property := s.Properties.Get(name); {
			case property != nil:
				matches(t, doc, at+"."+name, field, property)
			case s.AdditionalProperties == nil:
				t.Errorf("%s: the schema does not know %s", at, name)
			}
		}
	case []any:
		kind = "array"
		for _, item := range v {
			matches(t, doc, at+"[]", item, s.Items)
		}
	case float64:
		kind = "integer"
	case string:
		kind = "string"
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
			t.Errorf("%s: %q is none of %q", at, v, s.Enum)
		}
	}
	if kind != s.Type {
		t.Errorf("%s is %s, the schema says %s", at, kind, s.Type)
	}
}

func TestDocumentIsSound(t *testing.T) {
	doc := committed(t)
	if doc.Swagger != "2.0" || doc.Info.Title == "" || doc.Info.Version == "" {
		t.Errorf("swagger, title or version is missing: %q %+v", doc.Swagger, doc.Info)
	}
	used := map[string]bool{}
	var walk func(at string, s *openapi.Schema)
	walk = func(at string, s *openapi.Schema) {
		if s == nil {
			return
		}
		if s.Ref != "" {
			name := strings.TrimPrefix(s.Ref, "#/definitions/")
			if doc.Definitions[name] == nil {
				t.Errorf("%s refers to %s, which is not there", at, s.Ref)
			}
			used[name] = true
		}
		walk(at+"[]", s.Items)
		for _, part := range s.AllOf {
			walk(at, part)
		}
		for _, property := range s.Properties {
			walk(at+"."+property.Name, property.Schema)
		}
	}
	for name, definition := range doc.Definitions {
		walk(name, definition)
	}
	ids := map[string]bool{}
	for path, item := range doc.Paths {
		for method, op := range item.Operations() {
			at := method + " " + path
			if ids[op.OperationID] {
				t.Errorf("%s: the operation id %s is used twice", at, op.OperationID)
			}
			ids[op.OperationID] = true
			if op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s: no summary, or not one tag", at)
			}
			for _, p := range op.Parameters {
				if (p.Schema == nil) == (p.In == "body") || (p.Type == "") == (p.In != "body") || p.Description == "" {
					t.Errorf("%s: parameter %s has not just what its place needs: %+v", at, p.Name, *p)
				}
				walk(at, p.Schema)
			}
			for code, response := range op.Responses {
				if response.Description == "" {
					t.Errorf("%s: %s has no description", at, code)
				}
				walk(at, response.Schema)
			}
		}
	}
	for name := range doc.Definitions {
		if !used[name] {
			t.Errorf("nothing refers to %s", name)
		}
	}
}
