package openapi_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/splitboard/splitboard/internal/openapi"
)

// reasonFile is a file with the errors' enum, whose one reason has this comment.
func reasonFile(comment string) []*descriptorpb.FileDescriptorProto {
	return []*descriptorpb.FileDescriptorProto{{
		Package: new("splitboard.errors.v1"),
		EnumType: []*descriptorpb.EnumDescriptorProto{{
			Name: new("Reason"),
			Value: []*descriptorpb.EnumValueDescriptorProto{
				{Name: new("REASON_UNSPECIFIED"), Number: new(int32(0))},
				{Name: new("REASON_THING_NOT_FOUND"), Number: new(int32(1))},
			},
		}},
		SourceCodeInfo: &descriptorpb.SourceCodeInfo{Location: []*descriptorpb.SourceCodeInfo_Location{
			{Path: []int32{5, 0, 2, 1}, LeadingComments: &comment},
		}},
	}}
}

const generated = `{
  "swagger": "2.0",
  "info": {"title": "Things", "version": "v1", "license": {"name": "Apache-2.0"}},
  "consumes": ["application/json"],
  "produces": ["application/json"],
  "tags": [{"name": "ThingsService"}, {"name": "AdminService"}],
  "paths": {"/things/{id}": {"get": {
    "summary": "Reads a thing,\nby its id. NOT_FOUND (THING_NOT_FOUND)\nif there is none.",
    "operationId": "ThingsService_GetThing",
    "responses": {"200": {"description": "The thing.", "schema": {"$ref": "#/definitions/Thing"}}},
    "parameters": [{"name": "id", "in": "path", "required": true, "type": "string", "format": "int64"}],
    "tags": ["ThingsService"]
  }}},
  "definitions": {
    "GetThingResponse": {"type": "object"},
    "Thing": {"type": "object", "properties": {
      "name": {"type": "string"},
      "id": {"type": "string", "format": "int64"}
    }}
  }
}`

func TestFinish(t *testing.T) {
	files := reasonFile(" There is no such thing. NOT_FOUND, HTTP\n 404.\n")
	content, err := openapi.Finish([]byte(generated), files)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi.Decode(content)
	if err != nil {
		t.Fatal(err)
	}
	op := doc.Paths["/things/{id}"].Get
	if op.Summary != "Reads a thing, by its id." || op.Description != "NOT_FOUND (THING_NOT_FOUND) if there is none." {
		t.Errorf("summary %q, description %q", op.Summary, op.Description)
	}
	if id := op.Parameter("path", "id"); id.Type != "integer" {
		t.Errorf("id is %s, want integer", id.Type)
	}
	if missing := op.Responses["404"]; missing == nil || missing.Description != "THING_NOT_FOUND: There is no such thing." {
		t.Errorf("404 is %+v", missing)
	}
	properties := doc.Definitions["Thing"].Properties
	if properties[0].Name != "name" || properties[1].Name != "id" || properties[1].Schema.Type != "integer" {
		t.Errorf("properties lost their order or type: %+v", properties)
	}
	if doc.Definitions["GetThingResponse"] != nil || len(doc.Tags) != 1 {
		t.Error("an unused definition or tag is still there")
	}
}

func TestFinishRefuses(t *testing.T) {
	good := reasonFile(" There is no such thing. NOT_FOUND, HTTP 404.\n")
	for name, test := range map[string]struct {
		content string
		files   []*descriptorpb.FileDescriptorProto
		want    string
	}{
		"a part of OpenAPI that it does not know": {
			strings.Replace(generated, `"swagger"`, `"schemes": ["https"], "swagger"`, 1), good, "schemes",
		},
		"an unknown part deep inside": {
			strings.Replace(generated, `"name": {"type"`, `"name": {"x-other": 1, "type"`, 1), good, "x-other",
		},
		"a reason without a status": {generated, reasonFile(" There is no such thing.\n"), "REASON_THING_NOT_FOUND"},
		"no reasons":                {generated, nil, "splitboard.errors.v1.Reason"},
		"an operation without 200":  {strings.Replace(generated, `"200"`, `"202"`, 1), good, "ThingsService_GetThing"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := openapi.Finish([]byte(test.content), test.files); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one about %s", err, test.want)
			}
		})
	}
}

func TestEncodeGivesTheSameBytes(t *testing.T) {
	want, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	got, err := committed(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("reading and writing the document changes it")
	}
}
