package files

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decode reads a JSON value into an input type of the AWS SDK and gives what is wrong with
// it. The SDK's types have no JSON names, and encoding/json would take names in any case
// and overlook a field that is there twice; so every field has to have exactly the name
// that casing makes of the Go name, be there once, be neither null nor empty, and an enum
// has to have one of its values.
func decode(data []byte, into any, casing func(string) string) []string {
	value, err := parseJSON(data)
	if err != nil {
		return []string{err.Error()}
	}
	d := decoder{casing: casing}
	d.value(value, reflect.ValueOf(into).Elem(), "")
	return d.problems
}

type decoder struct {
	casing   func(string) string
	problems []string
}

func (d *decoder) fail(at, format string, args ...any) {
	d.problems = append(d.problems, strings.TrimPrefix(at+": ", ".")+fmt.Sprintf(format, args...))
}

func (d *decoder) value(v any, to reflect.Value, at string) {
	switch {
	case to.Kind() == reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		d.value(v, to.Elem(), at)
	case v == nil:
		d.fail(at, "is null")
	case to.Kind() == reflect.Struct:
		d.object(v, to, at)
	case to.Kind() == reflect.Slice:
		d.list(v, to, at)
	case to.Kind() == reflect.Map:
		d.mapOfStrings(v, to, at)
	default:
		d.scalar(v, to, at)
	}
}

func (d *decoder) object(v any, to reflect.Value, at string) {
	fields, ok := v.(map[string]any)
	if !ok || len(fields) == 0 {
		d.fail(at, "is not an object with fields")
		return
	}
	for key, value := range fields {
		field, ok := to.Type().FieldByNameFunc(func(name string) bool { return d.casing(name) == key })
		if ok && field.IsExported() {
			d.value(value, to.FieldByIndex(field.Index), at+"."+key)
			continue
		}
		said := "there is no such field"
		for f := range to.Type().Fields() {
			if strings.EqualFold(f.Name, key) {
				said = "the field is called " + d.casing(f.Name)
			}
		}
		d.fail(at+"."+key, "%s", said)
	}
}

func (d *decoder) list(v any, to reflect.Value, at string) {
	elements, ok := v.([]any)
	if !ok || len(elements) == 0 {
		d.fail(at, "is not a list with elements")
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), len(elements), len(elements)))
	for i, e := range elements {
		d.value(e, to.Index(i), at+"["+strconv.Itoa(i)+"]")
	}
}

func (d *decoder) mapOfStrings(v any, to reflect.Value, at string) {
	entries, ok := v.(map[string]any)
	if !ok || len(entries) == 0 {
		d.fail(at, "is not an object with entries")
		return
	}
	to.Set(reflect.MakeMap(to.Type()))
	for key, value := range entries {
		element := reflect.New(to.Type().Elem()).Elem()
		d.value(value, element, at+"."+key)
		to.SetMapIndex(reflect.ValueOf(key), element)
	}
}

func (d *decoder) scalar(v any, to reflect.Value, at string) {
	switch value := v.(type) {
	case string:
		if to.Kind() != reflect.String {
			d.fail(at, "%q should be a %s", value, to.Kind())
			return
		}
		if value == "" {
			d.fail(at, "is empty")
		}
		to.SetString(value)
		d.enum(to, at)
	case bool:
		if to.Kind() != reflect.Bool {
			d.fail(at, "%t should be a %s", value, to.Kind())
			return
		}
		to.SetBool(value)
	case json.Number:
		n, err := value.Int64()
		if !to.CanInt() || err != nil || to.OverflowInt(n) {
			d.fail(at, "%s should be a %s", value, to.Kind())
			return
		}
		to.SetInt(n)
	default:
		d.fail(at, "should be a %s", to.Kind())
	}
}

// enum checks a value of one of the SDK's string types that list their values.
func (d *decoder) enum(to reflect.Value, at string) {
	values := to.MethodByName("Values")
	if !values.IsValid() {
		return
	}
	known := values.Call(nil)[0]
	var list []string
	for i := range known.Len() {
		list = append(list, known.Index(i).String())
	}
	if !slices.Contains(list, to.String()) {
		d.fail(at, "%q is none of %s", to.String(), strings.Join(list, ", "))
	}
}
