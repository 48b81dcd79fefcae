package openapi

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"
)

const definitions = "#/definitions/"

// Finish takes the generator's document and the files that it was made of, and
// gives the document with the REST face's rules in it.
func Finish(content []byte, files []*descriptorpb.FileDescriptorProto) ([]byte, error) {
	doc, err := Decode(content)
	if err != nil {
		return nil, err
	}
	reasons, err := readReasons(files)
	if err != nil {
		return nil, err
	}
	f := finisher{doc: doc, reasons: reasons, jsonNames: jsonNames(files)}
	doc.Definitions[errorName] = errorSchema()
	doc.Definitions[errorDetailName] = f.errorDetailSchema()
	for _, item := range doc.Paths {
		for method, op := range item.Operations() {
			if err := f.operation(method, op); err != nil {
				return nil, fmt.Errorf("%s: %w", op.OperationID, err)
			}
		}
	}
	for _, definition := range doc.Definitions {
		f.schema(definition)
	}
	f.dropUnused()
	return doc.Encode()
}

type finisher struct {
	doc       *Document
	reasons   []reason
	jsonNames map[string]string // of the fields whose proto name differs
}

// operation applies the rules of the operation's method.
func (f *finisher) operation(method string, op *Operation) error {
	success := op.Responses["200"]
	if success == nil || success.Schema == nil {
		return errors.New("no 200 with a schema to start from")
	}
	op.Responses = map[string]*Response{}
	comment := oneLine(op.Summary + " " + op.Description)
	f.describeOperation(op, comment)

	list := success.Schema.Type == "array"
	reasons := append(f.named(comment), "INVALID_FIELD", "SHUTTING_DOWN")
	if len(op.In("path")) > 0 {
		reasons = append(reasons, "INVALID_ID")
	}
	success.Headers = map[string]*Header{}
	switch method {
	case "GET":
		op.header("If-None-Match", "Entity tags, or `*`. If one of them is current, the answer is 304.")
		success.header("ETag", etagText(list))
		unchanged := &Response{Description: "Nothing has changed since the entity tag in If-None-Match."}
		op.Responses["304"] = unchanged.header("ETag", etagText(list))
		if list {
			success.header("Link", "The next page, as `<URL>; rel=\"next\"` (RFC 8288); absent on the last.")
			reasons = append(reasons, "INVALID_PAGE_TOKEN")
		}
		op.Responses["200"] = success
	case "POST":
		success.header("ETag", etagText(list))
		success.header("Location", "The path of what was created.")
		op.Responses["201"] = success
	case "PATCH", "DELETE":
		// The edge takes the guard from If-Match, and nothing from the query.
		op.Parameters = slices.DeleteFunc(op.Parameters, func(p *Parameter) bool { return p.In == "query" })
		op.header("If-Match", "Entity tags, or `*`. If none of them is current, the answer is 412.")
		reasons = append(reasons, "ETAG_MISMATCH")
		if method == "PATCH" {
			op.Consumes = []string{"application/json", "application/merge-patch+json"}
			op.Responses["200"] = success.header("ETag", etagText(list))
		} else {
			op.Responses["204"] = &Response{Description: "It was deleted. There is no body."}
		}
	}
	if method != "DELETE" {
		reasons = append(reasons, "OVERLOADED") // by large bodies or answers
	}
	if method != "GET" {
		op.header("Idempotency-Key", "1 to 255 visible ASCII characters. The same key with the same request gives the first answer again for 24 hours; with another request the answer is 422.")
		reasons = append(reasons, "INVALID_IDEMPOTENCY_KEY", "IDEMPOTENCY_KEY_REUSED", "STORE_FULL")
	}
	if bodies := op.In("body"); len(bodies) == 1 {
		reasons = append(reasons, "INVALID_BODY", "UNSUPPORTED_MEDIA_TYPE", "BODY_TOO_LARGE")
		if method == "POST" {
			f.requireFields(bodies[0])
		}
	}
	for _, p := range op.Parameters {
		f.parameter(p)
	}
	f.errors(op, reasons)
	return nil
}

// describeOperation makes the comment's first sentence the summary.
func (f *finisher) describeOperation(op *Operation, comment string) {
	first, rest, more := strings.Cut(f.text(comment), ". ")
	op.Summary, op.Description = strings.TrimSuffix(first, ".")+".", ""
	if more {
		op.Description = rest
	}
}

// parameter gives a parameter the type that the edge reads.
func (f *finisher) parameter(p *Parameter) {
	p.Description = f.text(p.Description)
	switch p.Format {
	case "int64": // an id
		p.Type, p.Minimum = "integer", new(1)
	case "int32": // a count
		p.Minimum = new(0)
	}
}

// requireFields makes a create's body name the fields whose comment says that
// they are required. The resource's own schema cannot: a PATCH leaves fields out.
func (f *finisher) requireFields(body *Parameter) {
	resource := f.doc.Definitions[strings.TrimPrefix(body.Schema.Ref, definitions)]
	var required []string
	for _, property := range resource.Properties {
		if strings.HasSuffix(property.Schema.Description, "Required.") {
			required = append(required, property.Name)
		}
	}
	body.Schema = &Schema{AllOf: []*Schema{{Ref: body.Schema.Ref}}, Required: required}
}

// schema applies the rules of JSON values, all the way down.
func (f *finisher) schema(s *Schema) {
	if s == nil {
		return
	}
	s.Description = f.text(s.Description)
	if s.Format == "int64" { // an id
		s.Type, s.Minimum = "integer", new(1)
	}
	f.schema(s.Items)
	for _, property := range s.Properties {
		f.schema(property.Schema)
	}
}

// errors gives the operation a response for each status that the reasons have.
func (f *finisher) errors(op *Operation, names []string) {
	for _, r := range f.reasons {
		if !slices.Contains(names, r.name) {
			continue
		}
		response := op.Responses[r.status]
		if response == nil {
			response = &Response{Schema: &Schema{Ref: definitions + errorName}}
			op.Responses[r.status] = response
		} else {
			response.Description += "\n\n"
		}
		response.Description += r.name + ": " + r.text
		if r.status == "429" || r.status == "503" {
			response.header("Retry-After", "After how many seconds to try again.")
		}
	}
	other := &Response{Description: "Any other error.", Schema: &Schema{Ref: definitions + errorName}}
	op.Responses["default"] = other.header("Allow", "With 405: the methods that the path takes.")
}

// named gives the reasons that a comment names.
func (f *finisher) named(comment string) []string {
	var names []string
	words := strings.FieldsFunc(comment, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') })
	for _, r := range f.reasons {
		if slices.Contains(words, r.name) {
			names = append(names, r.name)
		}
	}
	return names
}

var snakeCase = regexp.MustCompile(`[a-z]+(?:_[a-z]+)+`)

// text gives a comment as the document has it: without line breaks, and with
// fields' names as the JSON has them.
func (f *finisher) text(comment string) string {
	paragraphs := strings.Split(comment, "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = snakeCase.ReplaceAllStringFunc(oneLine(p), func(word string) string {
			if name, ok := f.jsonNames[word]; ok {
				return name
			}
			return word
		})
	}
	return strings.Join(paragraphs, "\n\n")
}

func jsonNames(files []*descriptorpb.FileDescriptorProto) map[string]string {
	names := map[string]string{}
	for _, file := range files {
		for _, message := range file.GetMessageType() {
			for _, field := range message.GetField() {
				if field.GetName() != field.GetJsonName() {
					names[field.GetName()] = field.GetJsonName()
				}
			}
		}
	}
	return names
}

// dropUnused removes the definitions that no path leads to (the messages around
// the bodies) and the tags of services that have no path.
func (f *finisher) dropUnused() {
	used := map[string]bool{}
	var follow func(s *Schema)
	follow = func(s *Schema) {
		if s == nil {
			return
		}
		if name, ok := strings.CutPrefix(s.Ref, definitions); ok && !used[name] {
			used[name] = true
			follow(f.doc.Definitions[name])
		}
		follow(s.Items)
		for _, part := range s.AllOf {
			follow(part)
		}
		for _, property := range s.Properties {
			follow(property.Schema)
		}
	}
	tags := map[string]bool{}
	for _, item := range f.doc.Paths {
		for _, op := range item.Operations() {
			for _, tag := range op.Tags {
				tags[tag] = true
			}
			for _, p := range op.Parameters {
				follow(p.Schema)
			}
			for _, response := range op.Responses {
				follow(response.Schema)
			}
		}
	}
	for name := range f.doc.Definitions {
		if !used[name] {
			delete(f.doc.Definitions, name)
		}
	}
	f.doc.Tags = slices.DeleteFunc(f.doc.Tags, func(t Tag) bool { return !tags[t.Name] })
	slices.SortFunc(f.doc.Tags, func(a, b Tag) int { return strings.Compare(a.Name, b.Name) })
	for i := range f.doc.Tags {
		f.doc.Tags[i].Description = f.text(f.doc.Tags[i].Description)
	}
}

func (o *Operation) header(name, description string) {
	o.Parameters = append(o.Parameters, &Parameter{Name: name, In: "header", Type: "string", Description: description})
}

func (r *Response) header(name, description string) *Response {
	if r.Headers == nil {
		r.Headers = map[string]*Header{}
	}
	r.Headers[name] = &Header{Type: "string", Description: description}
	return r
}

func etagText(list bool) string {
	if list {
		return "A weak entity tag: it changes when anything in the service changes."
	}
	return "The resource's etag."
}
