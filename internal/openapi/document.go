package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A Document is the part of OpenAPI 2.0 that the board's document uses.
type Document struct {
	Swagger     string               `json:"swagger"`
	Info        Info                 `json:"info"`
	Tags        []Tag                `json:"tags,omitempty"`
	Consumes    []string             `json:"consumes"`
	Produces    []string             `json:"produces"`
	Paths       map[string]*PathItem `json:"paths"`
	Definitions map[string]*Schema   `json:"definitions"`
}

// Info is about the API as a whole.
type Info struct {
	Title       string  `json:"title"`
	Description string  `json:"description,omitempty"`
	Version     string  `json:"version"`
	License     License `json:"license"`
}

// A License names the API's license.
type License struct {
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

// A Tag groups the operations of one service.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// A PathItem has the operations of one path.
type PathItem struct {
	Get    *Operation `json:"get,omitempty"`
	Post   *Operation `json:"post,omitempty"`
	Patch  *Operation `json:"patch,omitempty"`
	Delete *Operation `json:"delete,omitempty"`
}

// Operations gives the path's operations by their HTTP method.
func (p *PathItem) Operations() map[string]*Operation {
	ops := make(map[string]*Operation, 4)
	for method, op := range map[string]*Operation{"GET": p.Get, "POST": p.Post, "PATCH": p.Patch, "DELETE": p.Delete} {
		if op != nil {
			ops[method] = op
		}
	}
	return ops
}

// An Operation is one method of a path.
type Operation struct {
	Summary     string               `json:"summary,omitempty"`
	Description string               `json:"description,omitempty"`
	OperationID string               `json:"operationId"`
	Consumes    []string             `json:"consumes,omitempty"`
	Parameters  []*Parameter         `json:"parameters,omitempty"`
	Responses   map[string]*Response `json:"responses"`
	Tags        []string             `json:"tags,omitempty"`
}

// Parameter gives the parameter with this place and name, or nil.
func (o *Operation) Parameter(in, name string) *Parameter {
	for _, p := range o.Parameters {
		if p.In == in && p.Name == name {
			return p
		}
	}
	return nil
}

// In gives the operation's parameters in this place.
func (o *Operation) In(place string) []*Parameter {
	var found []*Parameter
	for _, p := range o.Parameters {
		if p.In == place {
			found = append(found, p)
		}
	}
	return found
}

// A Parameter is what a request carries in its path, query, headers or body.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required"`
	Type        string  `json:"type,omitempty"`
	Format      string  `json:"format,omitempty"`
	Minimum     *int    `json:"minimum,omitempty"`
	Schema      *Schema `json:"schema,omitempty"`
}

// A Response is one of an operation's answers.
type Response struct {
	Description string             `json:"description"`
	Schema      *Schema            `json:"schema,omitempty"`
	Headers     map[string]*Header `json:"headers,omitempty"`
}

// A Header is one header of an answer.
type Header struct {
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
}

// A Schema is the shape of a JSON value.
type Schema struct {
	Ref                  string     `json:"$ref,omitempty"`
	AllOf                []*Schema  `json:"allOf,omitempty"`
	Type                 string     `json:"type,omitempty"`
	Format               string     `json:"format,omitempty"`
	Description          string     `json:"description,omitempty"`
	Minimum              *int       `json:"minimum,omitempty"`
	MinLength            int        `json:"minLength,omitempty"`
	MaxLength            int        `json:"maxLength,omitempty"`
	Pattern              string     `json:"pattern,omitempty"`
	Enum                 []string   `json:"enum,omitempty"`
	ReadOnly             bool       `json:"readOnly,omitempty"`
	Items                *Schema    `json:"items,omitempty"`
	Required             []string   `json:"required,omitempty"`
	Properties           Properties `json:"properties,omitempty"`
	AdditionalProperties any        `json:"additionalProperties,omitempty"` // a bool or a *Schema
}

// Properties are an object's fields, in the order of the JSON.
type Properties []Property

// A Property is one field of an object.
type Property struct {
	Name   string
	Schema *Schema
}

// Get gives the property with this name, or nil.
func (p Properties) Get(name string) *Schema {
	for _, property := range p {
		if property.Name == name {
			return property.Schema
		}
	}
	return nil
}

// MarshalJSON writes the properties as one object, in their order.
func (p Properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, property := range p {
		b.WriteByte("{,"[min(i, 1)])
		name, err := encode(property.Name, "")
		if err != nil {
			return nil, err
		}
		schema, err := encode(property.Schema, "")
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(schema)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object and keeps the order of its fields.
func (p *Properties) UnmarshalJSON(data []byte) error {
	d := strictDecoder(data)
	if _, err := d.Token(); err != nil { // the opening brace
		return err
	}
	*p = Properties{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		property := Property{Name: fmt.Sprint(name)}
		if err := d.Decode(&property.Schema); err != nil {
			return fmt.Errorf("property %s: %w", property.Name, err)
		}
		*p = append(*p, property)
	}
	return nil
}

// Decode reads a document. Anything that Document has no field for is an error,
// so that nothing is lost between reading and writing.
func Decode(data []byte) (*Document, error) {
	var doc Document
	if err := strictDecoder(data).Decode(&doc); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return &doc, nil
}

// Encode writes the document, the same bytes for the same document.
func (d *Document) Encode() ([]byte, error) {
	return encode(d, "  ")
}

func strictDecoder(data []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d
}

func encode(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
