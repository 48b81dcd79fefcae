package inproc

import (
	"reflect"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// handOver gives dst the fields of src, sharing what they point to. Messages of
// the same Go type, as generated code on both sides has them, are copied as the
// structs they are, which costs less than walking the fields by protoreflect;
// others go through the wire format.
func handOver(dst, src any) error {
	from, ok := src.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "inproc: %T is not a message", src)
	}
	to, ok := dst.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "inproc: %T is not a message", dst)
	}
	// This also sets the pointer to the message's type that the struct holds, so
	// that no other user of src can be writing it while it is copied.
	if !from.ProtoReflect().IsValid() {
		proto.Reset(to)
		return nil
	}
	t, f := reflect.ValueOf(dst), reflect.ValueOf(src)
	if t.Type() == f.Type() && t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
		t.Elem().Set(f.Elem())
		return nil
	}
	wire, err := proto.Marshal(from)
	if err != nil {
		return status.Errorf(codes.Internal, "inproc: marshal %T: %v", src, err)
	}
	return unmarshal(wire, dst)
}

// unmarshal gives dst the fields that wire has.
func unmarshal(wire []byte, dst any) error {
	to, ok := dst.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "inproc: %T is not a message", dst)
	}
	if err := proto.Unmarshal(wire, to); err != nil {
		return status.Errorf(codes.Internal, "inproc: unmarshal %T: %v", dst, err)
	}
	return nil
}
