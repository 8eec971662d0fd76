package mongo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/battery-passport/suite/pkg/wire"
)

// toBSON converts a JSON object to a BSON document with the same members in the
// same order. Numbers written as integers become int64 if they fit, others double.
// Every number that a double represents is preserved.
func toBSON(doc wire.Value) (bson.Raw, error) {
	v, err := value(jsontext.NewDecoder(bytes.NewReader(doc)))
	if err != nil {
		return nil, fmt.Errorf("JSON to BSON: %w", err)
	}
	return bson.Marshal(v)
}

func value(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		return object(dec)
	case '[':
		return array(dec)
	case '"':
		return tok.String(), nil
	case '0':
		if n, err := strconv.ParseInt(tok.String(), 10, 64); err == nil {
			return n, nil
		}
		return tok.Float()
	case 't', 'f':
		return tok.Bool(), nil
	}
	return nil, nil
}

// object reads the members and the end of a JSON object.
func object(dec *jsontext.Decoder) (any, error) {
	d := bson.D{}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		e := bson.E{Key: name.String()}
		if e.Value, err = value(dec); err != nil {
			return nil, err
		}
		d = append(d, e)
	}
	_, err := dec.ReadToken()
	return d, err
}

// array reads the elements and the end of a JSON array.
func array(dec *jsontext.Decoder) (any, error) {
	a := bson.A{}
	for dec.PeekKind() != ']' {
		v, err := value(dec)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := dec.ReadToken()
	return a, err
}

// fromBSON converts a BSON document to a JSON object.
func fromBSON(doc bson.Raw) (wire.Value, error) {
	if doc == nil {
		return nil, errors.New("BSON to JSON: the record has no document")
	}
	var buf bytes.Buffer
	buf.Grow(len(doc))
	enc := jsontext.NewEncoder(&buf)
	if err := write(enc, doc, jsontext.BeginObject, jsontext.EndObject); err != nil {
		return nil, fmt.Errorf("BSON to JSON: %w", err)
	}
	return buf.Bytes(), nil
}

func write(enc *jsontext.Encoder, doc bson.Raw, begin, end jsontext.Token) error {
	if err := enc.WriteToken(begin); err != nil {
		return err
	}
	elements, err := doc.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		if end.Kind() == '}' {
			if err := enc.WriteToken(jsontext.String(e.Key())); err != nil {
				return err
			}
		}
		if err := writeValue(enc, e.Value()); err != nil {
			return err
		}
	}
	return enc.WriteToken(end)
}

func writeValue(enc *jsontext.Encoder, v bson.RawValue) error {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return write(enc, v.Document(), jsontext.BeginObject, jsontext.EndObject)
	case bson.TypeArray:
		return write(enc, bson.Raw(v.Array()), jsontext.BeginArray, jsontext.EndArray)
	case bson.TypeString:
		return enc.WriteToken(jsontext.String(v.StringValue()))
	case bson.TypeDouble:
		return enc.WriteToken(jsontext.Float(v.Double()))
	case bson.TypeInt64:
		return enc.WriteToken(jsontext.Int(v.Int64()))
	case bson.TypeInt32:
		return enc.WriteToken(jsontext.Int(int64(v.Int32())))
	case bson.TypeBoolean:
		return enc.WriteToken(jsontext.Bool(v.Boolean()))
	case bson.TypeNull:
		return enc.WriteToken(jsontext.Null)
	}
	return fmt.Errorf("BSON type %s is not supported", v.Type)
}
