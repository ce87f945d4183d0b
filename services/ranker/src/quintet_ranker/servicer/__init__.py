"""Convert gRPC messages of the ranker to domain objects and back; no decisions."""

from quintet_ranker.servicer.playing import PathServicer as PathServicer
from quintet_ranker.servicer.playing import RadioServicer as RadioServicer
from quintet_ranker.servicer.requests import query_of as query_of
from quintet_ranker.servicer.requests import trial_of as trial_of
from quintet_ranker.servicer.responses import response_of as response_of
from quintet_ranker.servicer.servicer import RankerServicer as RankerServicer
