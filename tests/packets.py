"""Packets as surveys send them, made here: any checkout can read them."""

import gzip
import io
import json
import struct

import fastavro
import numpy as np
from astropy.io import fits

CUTOUT = {
    "type": "record",
    "name": "cutout",
    "fields": [
        {"name": "fileName", "type": "string"},
        {"name": "stampData", "type": "bytes"},
    ],
}
SCHEMA = {
    "type": "record",
    "name": "alert",
    "namespace": "ztf",
    "fields": [
        {"name": "schemavsn", "type": "string"},
        {"name": "objectId", "type": "string"},
        {"name": "candid", "type": "long"},
        {
            "name": "candidate",
            "type": {
                "type": "record",
                "name": "candidate",
                "fields": [
                    {"name": "jd", "type": "double"},
                    {"name": "fid", "type": "int"},
                    {"name": "isdiffpos", "type": "string"},
                    {"name": "magpsf", "type": "float"},
                    {"name": "distnr", "type": ["null", "float"]},
                    {"name": "xpos", "type": "float"},
                    {"name": "ypos", "type": "float"},
                ],
            },
        },
        {"name": "cutoutScience", "type": ["null", CUTOUT]},
        {"name": "cutoutTemplate", "type": ["null", "ztf.cutout"]},
        {"name": "cutoutDifference", "type": ["null", "ztf.cutout"]},
    ],
}


def cutout(pixels, packed=True):
    file = io.BytesIO()
    fits.PrimaryHDU(np.asarray(pixels, ">f4")).writeto(file)
    return gzip.compress(file.getvalue()) if packed else file.getvalue()


def record(**changes):
    rng = np.random.default_rng(0)
    pixels = rng.normal(100, 5, (63, 63)).astype("f4")
    named = {"fileName": "a.fits.gz", "stampData": cutout(pixels)}
    found = {
        "schemavsn": "4.02",
        "objectId": "ZTF1",
        "candid": 17,
        "candidate": {
            "jd": 2460000.5,
            "fid": 2,
            "isdiffpos": "f",
            "magpsf": 18.5,
            "distnr": -999.0,
            "xpos": 500.0,
            "ypos": 600.0,
        },
        "cutoutScience": named,
        "cutoutTemplate": named,
        "cutoutDifference": named,
    }
    candidate = found["candidate"] | changes.pop("candidate", {})
    return found | changes | {"candidate": candidate}


class Packets:
    """Makes packets of each framing."""

    schema = SCHEMA
    cutout = staticmethod(cutout)
    record = staticmethod(record)

    @staticmethod
    def container(*records, codec="null"):
        file = io.BytesIO()
        schema = fastavro.parse_schema(json.loads(json.dumps(SCHEMA)))
        fastavro.writer(file, schema, records or [record()], codec=codec)
        return file.getvalue()

    @staticmethod
    def bare(found=None):
        file = io.BytesIO()
        schema = fastavro.parse_schema(json.loads(json.dumps(SCHEMA)))
        fastavro.schemaless_writer(file, schema, found or record())
        return file.getvalue()

    def wire(self, number, found=None):
        return b"\0" + struct.pack(">I", number) + self.bare(found)
