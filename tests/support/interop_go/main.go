// Cases by which implementations of gRPC try each other (grpc's doc/interop-test-descriptions.md), with grpc-go: a client and a server.
//
//	interop serve                    runs the server, and prints its port
//	interop ask 127.0.0.1:PORT       runs all cases, and prints those that fail
//
// Messages are written by hand, as a few fields need no generated code.  It builds with what Debian has (golang-google-grpc-dev).
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	prefix   = "/grpc.testing.TestService/"
	initial  = "x-grpc-test-echo-initial"
	trailing = "x-grpc-test-echo-trailing-bin"
	special  = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
)

var sent, answered = []int{27182, 8, 1828, 45904}, []int{31415, 9, 2653, 58979}

// raw hands messages over as they are.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v interface{}) error { *v.(*[]byte) = data; return nil }
func (raw) Name() string                               { return "proto" }
func (raw) String() string                             { return "proto" }

// --- messages

func number(field, value int) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field<<3)), uint64(value))
}

func part(field int, parts ...[]byte) []byte {
	data := bytes.Join(parts, nil)
	head := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field<<3|2)), uint64(len(data)))
	return append(head, data...)
}

// fields calls found for each field: its number, and its value as a number or as bytes.
func fields(data []byte, found func(field, value int, part []byte)) {
	for len(data) > 0 {
		key, size := binary.Uvarint(data)
		value, more := binary.Uvarint(data[size:])
		data = data[size+more:]
		if key&7 == 2 {
			found(int(key>>3), 0, data[:value])
			data = data[value:]
		} else {
			found(int(key>>3), int(value), nil)
		}
	}
}

func inner(data []byte, wanted int) (value int, part []byte) {
	fields(data, func(field, number int, inside []byte) {
		if field == wanted {
			value, part = number, inside
		}
	})
	return
}

func payload(size int) []byte { return part(2, make([]byte, size)) }

func body(data []byte, field int) int {
	_, found := inner(data, field)
	_, found = inner(found, 2)
	return len(found)
}

func simple() []byte { return append(number(2, 314159), part(3, payload(271828))...) }

func output(size, given int) []byte {
	return append(part(2, number(1, size)), part(3, payload(given))...)
}

func ending(code int, message string) []byte {
	return part(7, number(1, code), part(2, []byte(message)))
}

// --- the server

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	server := grpc.NewServer(grpc.CustomCodec(raw{}), grpc.UnknownServiceHandler(handle))
	return server.Serve(listener)
}

func handle(_ interface{}, stream grpc.ServerStream) error {
	name, _ := grpc.MethodFromServerStream(stream)
	got, _ := metadata.FromIncomingContext(stream.Context())
	if values := got.Get(initial); len(values) > 0 {
		stream.SendHeader(metadata.Pairs(initial, values[0]))
	}
	if values := got.Get(trailing); len(values) > 0 {
		stream.SetTrailer(metadata.Pairs(trailing, values[0]))
	}
	size := 0
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if _, told := inner(message, 7); told != nil {
			code, _ := inner(told, 1)
			_, text := inner(told, 2)
			return status.Error(codes.Code(code), string(text))
		}
		var answer []byte
		switch name {
		case prefix + "EmptyCall":
			return stream.SendMsg(&answer)
		case prefix + "UnaryCall":
			wanted, _ := inner(message, 2)
			answer = part(1, payload(wanted))
			return stream.SendMsg(&answer)
		case prefix + "StreamingInputCall":
			size += body(message, 1)
		case prefix + "StreamingOutputCall", prefix + "FullDuplexCall":
			fields(message, func(field, _ int, inside []byte) {
				if field == 2 {
					wanted, _ := inner(inside, 1)
					answer := part(1, payload(wanted))
					stream.SendMsg(&answer)
				}
			})
		default:
			return status.Error(codes.Unimplemented, "this is not here")
		}
	}
	if name == prefix+"StreamingInputCall" {
		answer := number(1, size)
		return stream.SendMsg(&answer)
	}
	return nil
}

// --- the client

type client struct{ *grpc.ClientConn }

func (c client) unary(name string, message []byte, options ...grpc.CallOption) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, initial, "test_initial_metadata_value", trailing, "\xab\xab\xab")
	var answer []byte
	err := c.Invoke(ctx, name, &message, &answer, append(options, grpc.ForceCodec(raw{}))...)
	return answer, err
}

func (c client) stream(ctx context.Context, name string) (grpc.ClientStream, error) {
	both := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	return c.NewStream(ctx, both, prefix+name, grpc.ForceCodec(raw{}))
}

func expect(is bool, words string, values ...interface{}) error {
	if is {
		return nil
	}
	return fmt.Errorf(words, values...)
}

func (c client) ends(name string, message []byte, code codes.Code, words string) error {
	_, err := c.unary(name, message)
	found := status.Convert(err)
	return expect(found.Code() == code && strings.Contains(found.Message(), words), "%v", err)
}

func (c client) large(options ...grpc.CallOption) error {
	answer, err := c.unary(prefix+"UnaryCall", simple(), options...)
	if err != nil {
		return err
	}
	return expect(body(answer, 1) == 314159, "%d bytes", body(answer, 1))
}

func (c client) collected(name string, messages ...[]byte) (found [][]byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stream, err := c.stream(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		if err = stream.SendMsg(&message); err != nil {
			return nil, err
		}
	}
	stream.CloseSend()
	for {
		var answer []byte
		if err = stream.RecvMsg(&answer); err == io.EOF {
			return found, nil
		} else if err != nil {
			return found, err
		}
		found = append(found, answer)
	}
}

func (c client) pingPong() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stream, err := c.stream(ctx, "FullDuplexCall")
	if err != nil {
		return err
	}
	for at, size := range answered {
		message, answer := output(size, sent[at]), []byte(nil)
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
		if err := stream.RecvMsg(&answer); err != nil || body(answer, 1) != size {
			return fmt.Errorf("%d bytes in the place of %d: %v", body(answer, 1), size, err)
		}
	}
	stream.CloseSend()
	err = stream.RecvMsg(new([]byte))
	return expect(err == io.EOF, "%v", err)
}

func (c client) cancelled(answers int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := c.stream(ctx, "FullDuplexCall")
	if err != nil {
		return err
	}
	for ; answers > 0; answers-- {
		message := output(31415, 27182)
		stream.SendMsg(&message)
		if err := stream.RecvMsg(new([]byte)); err != nil {
			return err
		}
	}
	cancel()
	err = stream.RecvMsg(new([]byte))
	return expect(status.Code(err) == codes.Canceled, "%v", err)
}

func (c client) sleeping() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	stream, err := c.stream(ctx, "FullDuplexCall")
	if err == nil {
		message := output(0, 27182)
		if err = stream.SendMsg(&message); err == nil || err == io.EOF {
			for err = nil; err == nil; {
				err = stream.RecvMsg(new([]byte))
			}
		}
	}
	return expect(status.Code(err) == codes.DeadlineExceeded, "%v", err)
}

func (c client) metadata() error {
	var head, tail metadata.MD
	if err := c.large(grpc.Header(&head), grpc.Trailer(&tail)); err != nil {
		return err
	}
	is := strings.Join(head.Get(initial), ",") == "test_initial_metadata_value" && strings.Join(tail.Get(trailing), ",") == "\xab\xab\xab"
	return expect(is, "%v, %v", head, tail)
}

func (c client) sizes(name string, messages [][]byte, wanted ...int) error {
	found, err := c.collected(name, messages...)
	if err != nil || len(found) != len(wanted) {
		return fmt.Errorf("%d messages in the place of %d: %v", len(found), len(wanted), err)
	}
	for at, one := range found {
		if body(one, 1) != wanted[at] {
			return fmt.Errorf("%d bytes in the place of %d", body(one, 1), wanted[at])
		}
	}
	return nil
}

func (c client) inputs() error {
	var messages [][]byte
	for _, size := range sent {
		messages = append(messages, part(1, payload(size)))
	}
	found, err := c.collected("StreamingInputCall", messages...)
	if err != nil || len(found) != 1 {
		return fmt.Errorf("%d messages: %v", len(found), err)
	}
	size, _ := inner(found[0], 1)
	return expect(size == 74922, "%d bytes", size)
}

func ask(address string) error {
	connection, err := grpc.Dial(address, grpc.WithInsecure())
	if err != nil {
		return err
	}
	c, all := client{connection}, []byte(nil)
	for _, size := range answered {
		all = append(all, part(2, number(1, size))...)
	}
	failed := 0
	for _, one := range []struct {
		name string
		run  func() error
	}{
		{"empty_unary", func() error { return c.ends(prefix+"EmptyCall", nil, codes.OK, "") }},
		{"large_unary", func() error { return c.large() }},
		{"client_compressed_unary", func() error { return c.large(grpc.UseCompressor("gzip")) }},
		{"client_streaming", c.inputs},
		{"server_streaming", func() error { return c.sizes("StreamingOutputCall", [][]byte{all}, answered...) }},
		{"ping_pong", c.pingPong},
		{"empty_stream", func() error { return c.sizes("FullDuplexCall", nil) }},
		{"cancel_after_begin", func() error { return c.cancelled(0) }},
		{"cancel_after_first_response", func() error { return c.cancelled(1) }},
		{"timeout_on_sleeping_server", c.sleeping},
		{"custom_metadata", c.metadata},
		{"status_code_and_message", func() error { return c.ends(prefix+"UnaryCall", ending(2, "test status"), 2, "test status") }},
		{"special_status_message", func() error { return c.ends(prefix+"UnaryCall", ending(2, special), 2, special) }},
		{"unimplemented_method", func() error { return c.ends(prefix+"UnimplementedCall", nil, codes.Unimplemented, "") }},
		{"unimplemented_service", func() error {
			return c.ends("/grpc.testing.UnimplementedService/UnimplementedCall", nil, codes.Unimplemented, "")
		}},
	} {
		if err := one.run(); err != nil {
			fmt.Printf("%s: %v\n", one.name, err)
			failed++
		}
	}
	return expect(failed == 0, "%d cases have failed", failed)
}

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "serve":
		err = serve()
	case len(os.Args) == 3 && os.Args[1] == "ask":
		err = ask(os.Args[2])
	default:
		err = fmt.Errorf("interop serve | interop ask ADDRESS")
	}
	if err != nil {
		log.Fatal(err)
	}
}
